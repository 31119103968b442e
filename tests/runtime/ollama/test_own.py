"""An Ollama of our own: the fake as a real process, kept by the real supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.engines.ollama_daemon import ollama_launch
from kanoa_mlops.engines.site import Site
from kanoa_mlops.engines.way import Native
from kanoa_mlops.errors import EngineDied, OfflineError
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.runtime.engine import Engine
from kanoa_mlops.runtime.ollama.charge import Charge
from kanoa_mlops.runtime.ollama.client import OllamaClient
from kanoa_mlops.runtime.ollama.own import OnChange, OwnOllama
from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.runtime.state import EngineRecord
from kanoa_mlops.runtime.supervisor import Supervisor
from tests.runtime.ollama.conftest import MODEL, TAG, until

PROGRAM = (sys.executable, "-m", "tests.fakes.ollama")
NAME = "kanoa-mlops/gemma-3-12b-it:8192x2-ollama"


class Watched:
    """An Ollama of our own with all that it told."""

    def __init__(
        self,
        plan: Plan,
        catalog: Catalog,
        folder: Path,
        *,
        program: tuple[str, ...] = PROGRAM,
        offline: bool = False,
    ) -> None:
        self.told: list[EngineRecord] = []
        self.log = folder / "engine.log"
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        launch = ollama_launch(plan, Site(port, folder / "key", folder), Native("ollama", program, ("cpu",)))
        record = EngineRecord(
            plan.model, plan.weights, "ollama", "loading", plan.context, plan.sequences, plan.memory_bytes
        )

        def keep(on_change: OnChange) -> Engine:
            return Supervisor(lambda _: launch, record, self.log, on_change)

        charge = Charge(plan, catalog.models[MODEL].engines["ollama"], TAG)
        self.own = OwnOllama(
            self.url, keep, charge, record, self.told.append, offline=offline, poll_seconds=0.02
        )

    @property
    def last(self) -> EngineRecord:
        return self.told[-1]

    @property
    def pid(self) -> int:
        assert self.last.identity is not None
        return self.last.identity.pid

    def pids(self) -> set[int]:
        return {each.identity.pid for each in self.told if each.identity}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.own.run())
        ready = asyncio.create_task(self.own.ready.wait())
        try:
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
            if task.done():
                task.result()
            assert ready.done(), self.log.read_text()
            yield
        finally:
            task.cancel()
            ready.cancel()
            await asyncio.gather(task, ready, return_exceptions=True)


async def test_from_nothing_to_ready_and_nothing_left(
    planned: Plan, catalog: Catalog, tmp_path: Path
) -> None:
    watched = Watched(planned, catalog, tmp_path)
    async with watched.running():
        async with OllamaClient(watched.url) as client:
            [held] = await client.running()
        assert (held.name, held.context_length) == (NAME, 8192)
        last = watched.last
        assert (last.state, last.upstream_model, last.url) == ("ready", NAME, watched.url)
        assert last.url == f"http://127.0.0.1:{last.port}"
        assert last.used_bytes == held.size
        assert psutil.pid_exists(watched.pid)
    assert "Listening on 127.0.0.1" in watched.log.read_text()
    assert not any(psutil.pid_exists(pid) for pid in watched.pids())


async def test_the_plans_numbers_reach_the_daemon(planned: Plan, catalog: Catalog, tmp_path: Path) -> None:
    watched = Watched(planned, catalog, tmp_path)
    async with watched.running():
        environment = psutil.Process(watched.pid).environ()
    assert environment["OLLAMA_NUM_PARALLEL"] == "2"
    assert environment["OLLAMA_KEEP_ALIVE"] == "-1"
    assert environment["OLLAMA_HOST"].startswith("127.0.0.1:")


async def test_a_killed_daemon_is_started_again_with_its_model(
    planned: Plan, catalog: Catalog, tmp_path: Path
) -> None:
    watched = Watched(planned, catalog, tmp_path)
    async with watched.running():
        first = watched.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: watched.last.state == "down")
        assert "killed (SIGKILL)" in watched.last.reason
        await until(lambda: watched.last.state == "ready" and watched.pid != first, 20)
        async with OllamaClient(watched.url) as client:
            assert [each.name for each in await client.running()] == [NAME]
        assert watched.last.restarts == 1
    downs = [each.reason for each in watched.told if each.state == "down"]
    assert "killed (SIGKILL)" in downs[-1]  # not only that nobody answers
    assert not any(psutil.pid_exists(pid) for pid in watched.pids())


async def test_one_that_does_not_start(planned: Plan, catalog: Catalog, tmp_path: Path) -> None:
    program = (sys.executable, "-c", "raise SystemExit('Error: listen tcp: address in use')")
    watched = Watched(planned, catalog, tmp_path, program=program)
    with pytest.raises(EngineDied, match=f"The engine of {MODEL} did not start"):
        await watched.own.run()
    assert watched.last.state == "down"


async def test_a_model_that_cannot_be_had_ends_the_daemon_too(
    planned: Plan, catalog: Catalog, tmp_path: Path
) -> None:
    watched = Watched(planned, catalog, tmp_path, offline=True)
    with pytest.raises(OfflineError):
        await watched.own.run()
    assert watched.pids()
    assert not any(psutil.pid_exists(pid) for pid in watched.pids())
