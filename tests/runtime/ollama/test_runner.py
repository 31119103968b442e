"""A model kept in a daemon that runs already: loaded, watched, told about, and given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import openai
import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Support
from kanoa_mlops.errors import EngineDied, OfflineError, OllamaAbsent, SourceFailed, UserError
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.ollama.charge import Charge
from kanoa_mlops.runtime.ollama.client import OllamaClient
from kanoa_mlops.runtime.ollama.runner import OllamaRunner
from kanoa_mlops.runtime.state import EngineRecord
from tests.fakes.ollama import FakeOllama
from tests.fakes.ollama_store import GIB, Published, Store, short_name
from tests.planner.machines import desktop
from tests.runtime.ollama.conftest import MODEL, TAG, until

NAME = "kanoa-mlops/gemma-3-12b-it:8192x2-ollama"


class Watched:
    """A runner with all that it told."""

    def __init__(self, daemon: FakeOllama, charge: Charge, *, offline: bool = False) -> None:
        self.told: list[EngineRecord] = []
        plan = charge.plan
        record = EngineRecord(
            plan.model, plan.weights, "ollama", "loading", plan.context, plan.sequences, plan.memory_bytes
        )
        self.runner = OllamaRunner(
            daemon.url, charge, record, self.told.append, offline=offline, poll_seconds=0.02
        )

    @property
    def last(self) -> EngineRecord:
        return self.told[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """From ready to left."""
        task = asyncio.create_task(self.runner.run())
        ready = asyncio.create_task(self.runner.ready.wait())
        try:
            await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=60)
            if task.done():
                task.result()
            yield
        finally:
            task.cancel()
            ready.cancel()
            await asyncio.gather(task, ready, return_exceptions=True)


@pytest.fixture
def charge(planned: Plan, catalog: Catalog) -> Charge:
    return Charge(planned, catalog.models[MODEL].engines["ollama"], TAG)


@pytest.fixture
def watched(daemon: FakeOllama, charge: Charge) -> Watched:
    return Watched(daemon, charge)


def loaded(daemon: FakeOllama) -> set[str]:
    daemon.store.expire()
    return {short_name(each.model.name) for each in daemon.store.loaded.values()}


async def fetch(daemon: FakeOllama, tag: str = TAG) -> None:
    async with OllamaClient(daemon.url) as client:
        async for _ in client.pull(tag):
            pass


async def test_from_nothing_to_ready(daemon: FakeOllama, watched: Watched) -> None:
    async with watched.running():
        [held] = daemon.store.loaded.values()
        assert (held.context, held.keep_seconds) == (8192, float("inf"))
        assert loaded(daemon) == {NAME}
    last = watched.last
    assert (last.state, last.reason, last.restarts, last.version) == ("ready", "", 0, "0.32.1")
    assert (last.url, last.upstream_model, last.used_bytes) == (daemon.url, NAME, held.size)


async def test_the_download_is_told_on_the_way(watched: Watched) -> None:
    async with watched.running():
        pass
    reasons = [each.reason for each in watched.told if each.reason]
    assert reasons[0].startswith("fetching gemma3:12b ")
    assert reasons[-1].endswith("8.00 GiB of 8.00 GiB")
    assert all(each.state == "loading" for each in watched.told if each.reason)


async def test_a_second_time_nothing_new_is_fetched_or_made(daemon: FakeOllama, charge: Charge) -> None:
    for _ in range(2):
        async with Watched(daemon, charge).running():
            assert loaded(daemon) == {NAME}
    assert (daemon.asked("/api/pull"), daemon.asked("/api/create")) == (1, 1)


async def test_a_silent_fall_to_the_processor_is_told(daemon: FakeOllama, watched: Watched) -> None:
    daemon.store.vram = 0
    async with watched.running():
        assert watched.last.state == "ready"
        assert watched.last.reason.startswith("Ollama computes on the processor alone")


async def test_a_shorter_context_is_told(daemon: FakeOllama, watched: Watched) -> None:
    daemon.store.forgets_context = True
    async with watched.running():
        assert watched.last.reason == (
            "Ollama holds a context of 4096 tokens, not the 8192 that were asked for"
        )


async def test_it_stays_loaded_through_an_answer(daemon: FakeOllama, watched: Watched) -> None:
    """The OpenAI route says nothing of keep_alive, and must not bring the daemon's five minutes back."""
    async with watched.running():
        async with openai.AsyncOpenAI(base_url=f"{daemon.url}/v1", api_key="none") as client:
            await client.chat.completions.create(
                model=watched.last.upstream_model, messages=[{"role": "user", "content": "hi"}]
            )
        [held] = daemon.store.loaded.values()
        assert (held.context, held.keep_seconds) == (8192, float("inf"))


async def test_unloaded_by_somebody_it_is_loaded_again(daemon: FakeOllama, watched: Watched) -> None:
    async with watched.running():
        daemon.store.unload(NAME)
        await until(lambda: watched.last.restarts == 1)
        assert loaded(daemon) == {NAME}
    assert "somebody unloaded it; it is loaded again" in [each.reason for each in watched.told]
    assert watched.last.state == "ready"


async def test_a_daemon_that_leaves_and_comes_back(daemon: FakeOllama, watched: Watched) -> None:
    async with watched.running():
        await daemon.stop()
        await until(lambda: watched.last.state == "down")
        assert watched.last.reason.startswith(f"No Ollama answers at {daemon.url}")
        assert watched.last.used_bytes is None
        await daemon.start()
        await until(lambda: watched.last.state == "ready")
        assert loaded(daemon) == {NAME}
    assert watched.last.restarts == 1


async def test_leaving_it_takes_what_is_ours_and_leaves_the_rest(
    daemon: FakeOllama, watched: Watched
) -> None:
    daemon.store.publish("llava:7b")
    await fetch(daemon, "llava:7b")
    daemon.store.load("llava:7b", float("inf"))
    async with watched.running():
        assert loaded(daemon) == {NAME, "llava:7b"}
    assert loaded(daemon) == {"llava:7b"}
    assert {short_name(name) for name in daemon.store.models} == {"llava:7b", TAG, NAME}


async def test_weights_that_the_person_had_loaded_stay(daemon: FakeOllama, watched: Watched) -> None:
    """The same weights with the same options are in memory but once, under the name that came first."""
    daemon.store.publish(TAG, weights=8 * GIB, parameters={"num_ctx": 8192})
    await fetch(daemon)
    daemon.store.load(TAG, None)
    async with watched.running():
        assert watched.last.state == "ready"
        assert loaded(daemon) == {TAG}
    [held] = daemon.store.loaded.values()
    assert held.keep_seconds == 300


async def test_leaving_a_daemon_that_is_gone_is_no_error(daemon: FakeOllama, watched: Watched) -> None:
    async with watched.running():
        await daemon.stop()
    assert not daemon.store.loaded


async def test_no_daemon_from_the_start(daemon: FakeOllama, watched: Watched) -> None:
    await daemon.stop()
    with pytest.raises(OllamaAbsent):
        await watched.runner.run()
    assert watched.last.state == "down"


@pytest.mark.parametrize(
    ("support", "said"),
    [
        ({"since": "0.33.0"}, f"Ollama 0.32.1 is too old for {MODEL}, which needs 0.33.0 or newer."),
        ({"until": "0.24.0"}, f"Ollama 0.32.1 no longer runs {MODEL}; 0.24.0 was the last that did."),
    ],
)
async def test_a_version_that_does_not_run_it(
    daemon: FakeOllama, charge: Charge, support: dict[str, str], said: str
) -> None:
    other = replace(charge, support=Support.model_validate({"source": "test", **support}))
    with pytest.raises(UserError) as caught:
        await Watched(daemon, other).runner.run()
    assert caught.value.message == said
    assert daemon.asked("/api/pull") == 0


async def test_a_tag_that_is_not_there(daemon: FakeOllama, watched: Watched) -> None:
    daemon.store.library.clear()
    with pytest.raises(SourceFailed, match=r"Ollama's library has no gemma3:12b\."):
        await watched.runner.run()
    assert watched.last.state == "down"


async def test_offline_nothing_is_fetched(daemon: FakeOllama, charge: Charge) -> None:
    with pytest.raises(OfflineError):
        await Watched(daemon, charge, offline=True).runner.run()
    assert daemon.asked("/api/pull") == 0


@pytest.mark.parametrize(
    ("memory", "architecture", "said", "hint"),
    [
        (GIB, "gemma3", "model requires more system memory", "--context"),
        (64 * GIB, "mllama", "unknown model architecture: 'mllama'", "another engine"),
    ],
)
async def test_one_that_cannot_be_loaded(
    daemon: FakeOllama, watched: Watched, memory: int, architecture: str, said: str, hint: str
) -> None:
    daemon.store.memory = memory
    daemon.store.publish(TAG, architecture=architecture)
    with pytest.raises(EngineDied, match=f"Ollama could not load {MODEL}") as caught:
        await watched.runner.run()
    assert said in caught.value.message
    assert hint in caught.value.hint


async def test_left_in_the_middle_of_loading(daemon: FakeOllama, watched: Watched) -> None:
    daemon.load_seconds = 60
    task = asyncio.create_task(watched.runner.run())
    await until(lambda: daemon.asked("/api/generate") == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert not daemon.store.loaded


async def test_a_model_that_makes_vectors_is_never_asked_to_write(catalog: Catalog) -> None:
    model, tag = catalog.models["all-minilm-l6-v2"], "all-minilm:22m"
    made = plan(model, desktop(24 * GIB), Wish(engine="ollama", weights="ollama"), catalog)
    async with FakeOllama(Store(library={tag: Published(weights=GIB // 16)})) as daemon:
        daemon.embeds = ("all-minilm",)
        async with Watched(daemon, Charge(made, model.engines["ollama"], tag)).running():
            assert len(loaded(daemon)) == 1
        assert not loaded(daemon)
        assert daemon.asked("/api/generate") == 0
