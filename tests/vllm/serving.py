"""A model on the real vLLM as this project serves it: plan, launch, supervisor, and the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from openai import AsyncOpenAI

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.launching import launch_of
from kanoa_mlops.engines.site import Site, WeightFiles
from kanoa_mlops.engines.way import Contained, Native
from kanoa_mlops.gateway.app import make_app
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.server import start_gateway
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.containers.box import Box
from kanoa_mlops.runtime.key import write_key
from kanoa_mlops.runtime.state import EngineRecord
from kanoa_mlops.runtime.supervisor import Supervisor
from kanoa_mlops.weights.local_model import model_from_folder
from tests.vllm.environment import vllm_python
from tests.vllm.shrunken import Shrunken

_BOOT_SECONDS = 900


@dataclass(frozen=True)
class Served:
    """One that is up."""

    model: Model
    plan: Plan
    client: AsyncOpenAI
    """Before the gateway."""
    log: Path
    key_file: Path


def shaped(name: str, folder: Path, catalog: Catalog) -> Model:
    """The catalog's model with all that is known of its engines, in the shape that the folder has."""
    shape = model_from_folder(folder, name)
    changes = {"architecture": shape.architecture, "vision": shape.vision, "weights": shape.weights}
    return catalog.models[name].model_copy(update=changes)


def small_plan(model: Model, catalog: Catalog) -> Plan:
    """For two requests at once, of which one has at most one image."""
    wish = Wish(engine="vllm", context=2048, sequences=2, weights=model.weights[0].name)
    made = plan(model, machine_of(catalog.platforms["cpu-64"]), wish, catalog)
    assert made.place == "cpu"
    return made


@asynccontextmanager
async def served(shrunken: Shrunken, tokenizer: Path, room: Path, catalog: Catalog) -> AsyncIterator[Served]:
    """For as long as the block.

    Args:
        tokenizer: a folder that has SmolLM2's.
        room: a folder that is made, for all that it needs.
    """
    room.mkdir()
    folder = shrunken.write(room / "weights", tokenizer)
    model = shaped(shrunken.model, folder, catalog)
    way = Native("vllm", (str(vllm_python()), "-m", "vllm.entrypoints.openai.api_server"), ("cpu",))
    async with running(small_plan(model, catalog), model, folder, way, room, *shrunken.flags) as one:
        yield one


@asynccontextmanager
async def running(
    made: Plan,
    model: Model,
    folder: Path,
    way: Native | Contained,
    room: Path,
    *extra: str,
    box: Box | None = None,
) -> AsyncIterator[Served]:
    """A plan carried out on a folder of weights, and a gateway before it, for as long as the block.

    Args:
        room: a folder for key, log and what the engine keeps.
        extra: flags that no plan gives.
        box: what to call its container.
    """
    key_file, log, store = room / "engine.key", room / "engine.log", room / "store"
    store.mkdir()
    files = WeightFiles(folder, tuple(path.name for path in folder.iterdir()))
    backends = Backends([_backend(made, write_key(key_file))])

    def make_launch(port: int) -> Launch:
        launch = launch_of(made, model, model.weights[0], files, Site(port, key_file, store), way)
        assert launch is not None
        return replace(launch, argv=(*launch.argv, *extra))

    def changed(record: EngineRecord) -> None:
        [backend] = backends.all()
        url = f"http://127.0.0.1:{record.port}"
        backends.put(replace(backend, url=url, state=record.state, reason=record.reason))

    record = EngineRecord(model.id, made.weights, "vllm", "loading", made.context, made.sequences, 0)
    supervisor = Supervisor(make_launch, record, log, changed, box=box)
    app = make_app(backends, figures=None, max_body_bytes=2**24, version="0")
    gateway = await start_gateway(app, "127.0.0.1", 0)
    tasks = [asyncio.create_task(each) for each in (supervisor.run(), supervisor.ready.wait())]
    try:
        await asyncio.wait(tasks, timeout=_BOOT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        assert supervisor.ready.is_set(), log.read_text()[-6000:]
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="local", max_retries=0) as client:
            yield Served(model, made, client, log, key_file)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.stop(0)


def _backend(made: Plan, key: str) -> Backend:
    return Backend(
        model=made.model,
        aliases=made.aliases,
        url="",
        engine=made.engine,
        sees=made.sees,
        context_tokens=made.context,
        engine_key=key,
    )
