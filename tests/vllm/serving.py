"""A shrunken model on the real vLLM as this project serves it: plan, launch, supervisor, and the gateway."""

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
from kanoa_mlops.engines.way import Native
from kanoa_mlops.gateway.app import make_app
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.server import start_gateway
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.key import write_key
from kanoa_mlops.runtime.state import EngineRecord
from kanoa_mlops.runtime.supervisor import Supervisor
from kanoa_mlops.weights.local_model import model_from_folder
from tests.vllm.environment import ENVIRONMENT, vllm_python
from tests.vllm.shrunken import Shrunken

_BOOT_SECONDS = 400


@dataclass(frozen=True)
class Served:
    """One that is up."""

    model: Model
    plan: Plan
    client: AsyncOpenAI
    """Before the gateway."""
    log: Path


def small_model(shrunken: Shrunken, folder: Path, catalog: Catalog) -> Model:
    """The catalog's model with all that is known of its engines, in the shape that the folder has."""
    shape = model_from_folder(folder, shrunken.model)
    changes = {"architecture": shape.architecture, "vision": shape.vision, "weights": shape.weights}
    return catalog.models[shrunken.model].model_copy(update=changes)


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
        room: an empty folder.
    """
    folder = shrunken.write(room / "weights", tokenizer)
    model = small_model(shrunken, folder, catalog)
    made, key_file, log = small_plan(model, catalog), room / "engine.key", room / "engine.log"
    files = WeightFiles(folder, tuple(path.name for path in folder.iterdir()))
    way = Native("vllm", (str(vllm_python()), "-m", "vllm.entrypoints.openai.api_server"), ("cpu",))
    backends = Backends([_backend(made, write_key(key_file))])

    def make_launch(port: int) -> Launch:
        site = Site(port, key_file, ENVIRONMENT / "store")
        launch = launch_of(made, model, model.weights[0], files, site, way)
        assert launch is not None
        return replace(launch, argv=(*launch.argv, *shrunken.flags))

    def changed(record: EngineRecord) -> None:
        [backend] = backends.all()
        url = f"http://127.0.0.1:{record.port}"
        backends.put(replace(backend, url=url, state=record.state, reason=record.reason))

    record = EngineRecord(model.id, made.weights, "vllm", "loading", made.context, made.sequences, 0)
    supervisor = Supervisor(make_launch, record, log, changed)
    gateway = await start_gateway(
        make_app(backends, figures=None, max_body_bytes=2**24, version="0"), "127.0.0.1", 0
    )
    running = asyncio.create_task(supervisor.run())
    try:
        ready = asyncio.create_task(supervisor.ready.wait())
        async with asyncio.timeout(_BOOT_SECONDS):
            await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        assert ready.done(), log.read_text()[-6000:]
        url = f"{gateway.url}/v1"
        async with AsyncOpenAI(base_url=url, api_key="local", max_retries=0) as client:
            yield Served(model, made, client, log)
    finally:
        running.cancel()
        ready.cancel()
        await asyncio.gather(running, ready, return_exceptions=True)
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
