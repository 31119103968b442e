"""The real vLLM as this project serves it: plan, launch, supervisor, and OpenAI's client before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from openai import OpenAI

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.launching import launch_of
from kanoa_mlops.engines.site import Site, WeightFiles
from kanoa_mlops.engines.way import Native
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.key import write_key
from kanoa_mlops.runtime.state import EngineRecord
from kanoa_mlops.runtime.supervisor import Supervisor
from tests.vllm.environment import ENVIRONMENT, vllm_python

_BOOT_SECONDS = 400


@dataclass
class Engine:
    """One vLLM that is up."""

    plan: Plan
    key: str
    log: Path
    told: list[EngineRecord] = field(default_factory=list)
    launches: list[Launch] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """What it wrote until it was ready, once a start."""

    @property
    def state(self) -> str:
        return self.told[-1].state

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.launches[-1].port}"

    @property
    def guard(self) -> psutil.Process:
        """What was started; all else is below it."""
        identity = self.told[-1].identity
        assert identity is not None
        return psutil.Process(identity.pid)

    def tree(self) -> list[psutil.Process]:
        return [self.guard, *self.guard.children(recursive=True)]

    def client(self, key: str | None = None) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=key or self.key, max_retries=0)


def cpu_plan(model: Model, catalog: Catalog, images: int | None = None) -> Plan:
    """For a processor with memory for every model; small, since two cores compute it here."""
    wish = Wish(engine="vllm", context=2048, sequences=2, batch=2048, images=images, eager=True)
    made = plan(model, machine_of(catalog.platforms["cpu-64"]), wish, catalog)
    assert made.place == "cpu"
    return made


@asynccontextmanager
async def served(
    made: Plan, model: Model, folder: Path, room: Path, extra: tuple[str, ...] = ()
) -> AsyncIterator[Engine]:
    """A plan carried out on a folder of weights for as long as the block.

    Args:
        room: a folder for key and log.
        extra: flags that no plan gives.
    """
    weights = next(each for each in model.weights if each.name == made.weights)
    files = WeightFiles(folder, tuple(path.name for path in folder.iterdir()))
    way = Native("vllm", (str(vllm_python()), "-m", "vllm.entrypoints.openai.api_server"), ("cpu",))
    key_file, store = room / "engine.key", ENVIRONMENT / "store"
    engine = Engine(made, write_key(key_file), room / "engine.log")

    def make_launch(port: int) -> Launch:
        launch = launch_of(made, model, weights, files, Site(port, key_file, store), way)
        assert launch is not None
        engine.launches.append(replace(launch, argv=(*launch.argv, *extra)))
        return engine.launches[-1]

    record = EngineRecord(model.id, made.weights, "vllm", "loading", made.context, made.sequences, 0)
    supervisor = Supervisor(make_launch, record, engine.log, engine.told.append, engine.words.append)
    running = asyncio.create_task(supervisor.run())
    try:
        ready = asyncio.create_task(supervisor.ready.wait())
        async with asyncio.timeout(_BOOT_SECONDS):
            await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        assert ready.done(), engine.log.read_text()[-6000:]
        yield engine
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
