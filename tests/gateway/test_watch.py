"""An engine that says it is well and produces nothing is found, and taken back when it works again."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace

import pytest
from pydantic import HttpUrl

from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.config import BackendConfig
from kanoa_mlops.gateway.counters.counters import EngineCounters
from kanoa_mlops.gateway.counters.readings import Reading, Readings
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.traffic import Flow, Traffic
from kanoa_mlops.gateway.upstream import EngineAnswer, ask_engine
from kanoa_mlops.gateway.watch import Watch, watch_supervised
from kanoa_mlops.runtime.ports import free_port
from tests.fakes.engine import USAGE
from tests.fakes.wedged import WellEngine
from tests.gateway.conftest import HUB_NAME, OpenDoor, backend, chat
from tests.gateway.counters.recorded import recorded
from tests.gateway.test_leaving import until

MODEL = "smollm2"
CHAT = "/v1/chat/completions"
LLAMA = recorded("llama.cpp-b11549-answering.txt")
MOVED = LLAMA.replace("n_decode_total 184", "n_decode_total 185")


class Watched:
    """One engine, a clock that is set by hand, and whoever asks it."""

    def __init__(self, engine: WellEngine, health: str | None, name: str = "llama.cpp b11549") -> None:
        self.engine = engine
        self.backends = Backends([backend(engine.url, engine=name)])
        self.readings, self.traffic, self.now = Readings(), Traffic(), 0.0
        self._health = health
        self._watch = Watch(self.backends, self.traffic, self.readings, clock=lambda: self.now)

    @property
    def flow(self) -> Flow:
        return self.traffic.of(MODEL)

    @property
    def backend(self) -> Backend:
        [one] = self.backends.all()
        return one

    async def look(self, after: float = 0.0) -> tuple[str, str]:
        """The state that it is given, so many seconds later."""
        await self.look_only(after)
        return self.backend.state, self.backend.reason

    async def look_only(self, after: float) -> None:
        self.now += after
        await self._watch.look(MODEL, self._health)

    @asynccontextmanager
    async def asked(self, text: str = "hi") -> AsyncIterator[None]:
        """A request that waits for it, for as long as the block."""
        task = asyncio.create_task(self._ask(text))
        try:
            await until(lambda: self.flow.waiting == 1)
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _ask(self, text: str) -> None:
        async with self.answer(text) as answer:
            await answer.read(10**6)

    @asynccontextmanager
    async def answer(self, text: str = "hi") -> AsyncIterator[EngineAnswer]:
        body = json.dumps(chat(text)).encode()
        with closing(Client("test")) as client:
            async with ask_engine(client, self.backend, CHAT, body, {}, self.flow) as answer:
                yield answer


@pytest.fixture
async def engine() -> AsyncIterator[WellEngine]:
    async with WellEngine(always="stall before headers", counters=LLAMA) as running:
        yield running


@pytest.fixture
def watched(engine: WellEngine) -> Watched:
    return Watched(engine, "/health")


async def test_well_and_producing_nothing_is_down_with_its_reason(watched: Watched) -> None:
    async with watched.asked():
        assert await watched.look() == ("ready", "")
        assert await watched.look(after=299) == ("ready", "")
        reason = "it says it is well, and for 300 s produced nothing for 1 requests; it says it runs 1"
        assert await watched.look(after=1) == ("down", reason)
        assert await watched.look(after=600) == ("down", reason)


async def test_health_and_nothing_else_is_found_too(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kanoa_mlops.gateway.inquiry._TIMEOUT_SECONDS", 0.5)
    watched.engine.counters = None
    async with watched.asked():
        assert await watched.look() == ("ready", "")
        assert await watched.look(after=500) == ("ready", "")
        state, reason = await watched.look(after=100)
        assert state == "down"
        assert reason.endswith("nor tells its counters")


async def test_a_suspicion_is_logged_once_and_changes_nothing(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched.asked():
        await watched.look()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert await watched.look(after=30) == ("ready", "")
    assert [record.getMessage() for record in caplog.records] == [
        "smollm2 may be stuck: for 30 s it produced nothing for 1 requests; it says it runs 1"
    ]


async def test_the_log_alone_says_where_it_is_looked_for(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "kanoa_mlops.gateway.watch"):
        watched.backends.put(replace(watched.backend, url=f"http://me:secret@127.0.0.1:{free_port()}"))
        assert await watched.look() == ("down", "not reached: connection refused")
    assert [record.getMessage() for record in caplog.records] == [
        f"smollm2 at {watched.backend.url.partition('@')[2]} is down: not reached: connection refused",
    ]


async def test_it_is_back_when_something_moves(watched: Watched) -> None:
    async with watched.asked():
        await watched.look()
        assert (await watched.look(after=400))[0] == "down"
        watched.engine.counters = MOVED
        assert await watched.look(after=2) == ("ready", "")
        # And silence is counted anew.
        assert await watched.look(after=299) == ("ready", "")
        assert (await watched.look(after=1))[0] == "down"


async def test_when_nobody_waits_any_more_it_is_asked_for_a_word(watched: Watched) -> None:
    async with watched.asked():
        await watched.look()
        await watched.look(after=300)
    watched.engine.received.clear()
    assert (await watched.look(after=29))[0] == "down"
    assert watched.engine.received == []
    watched.engine.always = "broken page"
    assert (await watched.look(after=1))[0] == "down"
    watched.engine.always = ""
    assert (await watched.look(after=29))[0] == "down"
    assert await watched.look(after=1) == ("ready", "")
    for asked in watched.engine.received:
        assert asked.path == "/v1/completions"
        assert asked.fields == {"model": "smollm2", "prompt": "1", "max_tokens": 1}
        assert asked.headers["authorization"] == "Bearer engine-secret"
    assert len(watched.engine.received) == 2


async def test_an_engine_that_takes_no_completions_is_tried_by_clients(watched: Watched) -> None:
    async with watched.asked():
        await watched.look()
        await watched.look(after=300)
    watched.engine.always = "too long"
    assert await watched.look(after=30) == ("ready", "")


async def test_one_that_was_ill_meanwhile_begins_anew(watched: Watched) -> None:
    async with watched.asked():
        await watched.look()
        assert (await watched.look(after=300))[0] == "down"
        watched.engine.ill = True
        assert await watched.look(after=2) == ("down", "its health check answers HTTP 500")
        assert watched.readings.all() == ()
        watched.engine.ill = False
        assert await watched.look(after=2) == ("ready", "")
        assert (await watched.look(after=300))[0] == "down"


async def test_a_client_that_does_not_read_is_no_fault_of_the_engine(watched: Watched) -> None:
    watched.engine.always = "talk forever"
    async with watched.answer() as answer:
        await answer.chunk()
        assert watched.flow.waiting == 0
        assert watched.flow.received_bytes > 0
        await watched.look()
        assert await watched.look(after=5000) == ("ready", "")


@pytest.mark.parametrize("doing", ["cut before headers", "cut after headers", "cut mid-event", "busy", ""])
async def test_nothing_waits_any_more_however_it_ended(watched: Watched, doing: str) -> None:
    watched.engine.always = doing
    with suppress(ApiError):
        async with watched.answer() as answer:
            await answer.read(10**6)
    assert watched.flow.waiting == 0
    watched.engine.always = "stall before headers"
    async with watched.asked():
        assert watched.flow.waiting == 1
    assert watched.flow.waiting == 0


async def test_refusals_are_signs_of_life(watched: Watched) -> None:
    watched.engine.always = "busy"
    async with watched.answer() as answer:
        said = await answer.read_error()
    assert watched.flow.received_bytes == len(said) > 0


async def test_counters_are_kept_for_the_metrics_and_old_ones_are_not(watched: Watched) -> None:
    await watched.look()
    told = EngineCounters(1, 0, None, 7926, 169, None, steps_total=184)
    assert watched.readings.all() == (Reading(MODEL, MODEL, "llama.cpp", told),)
    watched.engine.counters = "<html>"
    assert await watched.look() == ("ready", "")
    assert watched.readings.all() == ()


async def test_a_text_without_end_is_not_read_to_its_end(watched: Watched) -> None:
    watched.engine.counters = LLAMA + "#" * 2 * 1024**2
    assert await watched.look() == ("ready", "")
    assert watched.readings.all() == ()


async def test_an_engine_of_which_nothing_is_known_is_watched_by_its_health(engine: WellEngine) -> None:
    watched = Watched(engine, "/health", name="tgi 3.0")
    assert await watched.look() == ("ready", "")
    assert watched.readings.all() == ()


async def test_of_one_that_is_supervised_only_what_was_found_here_is_changed(engine: WellEngine) -> None:
    watched = Watched(engine, None)
    async with watched.asked():
        await watched.look()
        assert (await watched.look(after=300))[0] == "down"
        # Its supervisor starts it anew.
        watched.backends.mark(MODEL, "loading", "")
        assert await watched.look(after=2) == ("loading", "")
        watched.backends.mark(MODEL, "ready", "")
        assert await watched.look(after=2) == ("ready", "")
        assert (await watched.look(after=300))[0] == "down"
        engine.counters = MOVED
        assert await watched.look(after=2) == ("ready", "")
    watched.backends.mark(MODEL, "down", "killed")
    assert await watched.look(after=2) == ("down", "killed")


async def test_one_that_is_supervised_and_not_well_is_down_after_a_while(engine: WellEngine) -> None:
    watched, reason = Watched(engine, None), "its health check answers HTTP 500"
    engine.ill = True
    assert await watched.look() == ("ready", "")
    assert await watched.look(after=29) == ("ready", "")
    engine.ill = False
    assert await watched.look() == ("ready", "")
    engine.ill = True
    assert await watched.look(after=2) == ("ready", "")
    assert await watched.look(after=30) == ("down", reason)
    assert await watched.look(after=30) == ("down", reason)
    watched.backends.mark(MODEL, "down", "killed")
    assert await watched.look(after=2) == ("down", "killed")
    watched.backends.mark(MODEL, "ready")
    assert await watched.look(after=2) == ("ready", "")
    assert await watched.look(after=30) == ("down", reason)
    engine.ill = False
    assert await watched.look(after=2) == ("ready", "")


async def test_one_that_is_supervised_and_late_is_not_taken_from_streams_that_flow(
    engine: WellEngine,
) -> None:
    """Though its health answers nothing: it computes a long prompt of somebody else, on few processors."""
    watched, reason = Watched(engine, None), "its health check answers HTTP 500"
    engine.always, engine.ill = "talk forever", True
    async with watched.answer() as answer:
        for _ in range(5):
            await answer.chunk()
            assert await watched.look(after=20) == ("ready", "")
        assert await watched.look(after=29) == ("ready", "")
        assert await watched.look(after=1) == ("down", reason)
        await answer.chunk()
        assert await watched.look(after=2) == ("ready", "")
    assert await watched.look(after=29) == ("ready", "")
    assert await watched.look(after=1) == ("down", reason)


async def test_nor_from_those_whom_it_answers_elsewhere(
    engine: WellEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kanoa_mlops.gateway.inquiry._TIMEOUT_SECONDS", 0.5)
    watched, reason = Watched(engine, None), "its health check answers HTTP 500"
    engine.ill = True
    assert await watched.look() == ("ready", "")
    engine.counters = MOVED
    assert await watched.look(after=30) == ("ready", "")
    engine.counters = None
    assert await watched.look(after=29) == ("ready", "")
    engine.counters = MOVED
    assert await watched.look(after=1) == ("down", reason)
    engine.counters = LLAMA  # of one that began anew
    assert await watched.look(after=2) == ("ready", "")


async def test_one_that_is_taken_out_leaves_nothing_behind(watched: Watched) -> None:
    await watched.look()
    assert watched.readings.all()
    gone = Watch(Backends(), watched.traffic, watched.readings)
    await gone.look(MODEL, "/health")
    assert watched.readings.all() == ()


async def test_one_that_is_taken_out_and_back_in_has_its_time_anew(engine: WellEngine) -> None:
    watched = Watched(engine, None)
    before, engine.ill = watched.backend, True
    assert await watched.look() == ("ready", "")
    watched.backends.remove(MODEL)
    await watched.look_only(after=30)
    watched.backends.put(before)
    assert await watched.look(after=2) == ("ready", "")
    assert await watched.look(after=30) == ("down", "its health check answers HTTP 500")


async def test_watch_keeps_every_backend_of_the_file(engine: WellEngine) -> None:
    async with WellEngine(ill=True) as other:
        config = [
            BackendConfig(model="a", url=HttpUrl(engine.url), engine="llama.cpp", context=10),
            BackendConfig(model="b", url=HttpUrl(other.url), engine="vllm", context=10),
        ]
        backends = Backends(
            [
                backend(engine.url, model="a", aliases=(), state="loading"),
                backend(other.url, model="b", aliases=()),
            ]
        )
        readings = Readings()
        one = Watch(backends, readings=readings)
        task = asyncio.gather(*(one.keep(each.model, each.health, 0.02) for each in config))
        await until(lambda: [each.state for each in backends.all()] == ["ready", "down"])
        other.ill = False
        await until(lambda: [each.state for each in backends.all()] == ["ready", "ready"])
        assert [each.model for each in readings.all()] == ["a"]
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("name", ["smollm2", "TINY", HUB_NAME, "default"])
async def test_a_gateway_behind_is_read_by_whatever_name_it_is_asked(
    engine: WellEngine, open_door: OpenDoor, name: str
) -> None:
    engine.always = ""
    behind = await open_door(backend(engine.url))
    one = backend(behind.url, engine="kanoa-mlops", upstream_model=name, id="behind")
    front = await open_door(one)
    assert (await front.chat("hi")).status == 200
    await Watch(front.backends, front.app.traffic, front.app.readings).look("behind", "/health")
    [reading] = front.app.readings.all()
    assert (reading.backend, reading.counters.running, reading.counters.waiting) == ("behind", 0, 0)
    assert reading.counters.generation_tokens_total == USAGE["completion_tokens"]


async def test_one_that_a_gateway_behind_does_not_serve_has_no_counters(
    engine: WellEngine, open_door: OpenDoor
) -> None:
    behind = await open_door(backend(engine.url))
    watched = Watched(engine, "/health", name="kanoa-mlops")
    watched.backends.put(replace(watched.backend, url=behind.url, upstream_model="nobody"))
    assert await watched.look() == ("ready", "")
    assert watched.readings.all() == ()


async def test_supervised_engines_are_read_once_their_supervisor_calls_them_ready(engine: WellEngine) -> None:
    backends, readings = Backends([backend(engine.url, state="loading")]), Readings()
    task = asyncio.create_task(watch_supervised(backends, Traffic(), readings, 0.02))
    await asyncio.sleep(0.1)
    assert readings.all() == ()
    backends.mark(MODEL, "ready")
    await until(lambda: readings.all() != ())
    assert [each.state for each in backends.all()] == ["ready"]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(("told", "able"), [(True, True), (False, False), (None, True)])
async def test_whether_its_template_has_tools_is_its_own_word(told: bool | None, able: bool) -> None:
    async with WellEngine(template_tools=told) as engine:
        watched = Watched(engine, "/health")
        await watched.look()
        assert watched.backend.abilities.tools is able
        engine.ill = True
        await watched.look()
        engine.ill, engine.template_tools = False, True  # it comes back with another model
        await watched.look()
        assert watched.backend.abilities.tools
