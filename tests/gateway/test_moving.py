"""An engine that does not begin is left for another one: when it is found to be down, or at its limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from kanoa_mlops.gateway.books.budget import Cap, Payer, Period
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.inflight import stopping
from kanoa_mlops.gateway.line import Terms
from kanoa_mlops.gateway.moving import Moving
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.seat import Seat
from tests.fakes.engine import FakeEngine, chunk
from tests.fakes.provider import FakeProvider
from tests.gateway.conftest import Answer, Door, OpenDoor, backend, chat
from tests.gateway.reserving import Slowly
from tests.gateway.test_bursting import Scene, a_scene, hosted, provider
from tests.gateway.test_leaving import CHAT, until
from tests.gateway.test_metrics import samples
from tests.gateway.test_pools import ANSWER, code, said, second
from tests.gateway.test_reception import Office, office

__all__ = ["office", "provider"]  # the fixtures


@pytest.fixture
async def other() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as running:
        yield running


async def _asked(door: Door, engine: FakeEngine, **fields: Any) -> asyncio.Task[Answer]:
    engine.always = "stall before headers"
    asking = asyncio.create_task(door.chat("hi", **fields))
    await until(lambda: engine.running == 1)
    return asking


async def test_one_that_is_found_to_be_down_is_left_at_once(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), second(other.url))
    asking = await _asked(door, engine)
    door.backends.mark("smollm2", "down", "it says it is well and produces nothing")
    answer = await asyncio.wait_for(asking, 60)
    assert (answer.status, said(answer)) == (200, ANSWER)
    assert [answer.headers[f"x-kanoa-{name}"] for name in ("backend", "attempts")] == ["second", "2"]
    await until(lambda: engine.running == 0)
    assert engine.disconnects == 1, "nobody waits for it any more"
    found = await samples(door)
    assert found['kanoa_retries_total{reason="late"}'] == 1
    assert found['kanoa_requests_in_flight{model="smollm2"}'] == 0


async def test_one_that_is_merely_silent_is_not(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), second(other.url))
    asking = await _asked(door, engine)
    await asyncio.sleep(2.5)
    assert not asking.done()
    assert other.received == []
    asking.cancel()
    await until(lambda: engine.running == 0)


async def test_a_stream_that_waited_with_comments_goes_on(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), second(other.url), prefill_seconds=0.1)
    engine.always = "stall before headers"
    async with door.session.post(door.url + CHAT, json=chat("hi", stream=True)) as streaming:
        assert await streaming.content.readuntil(b"\n\n") == b": the engine reads the prompt\n\n"
        door.backends.mark("smollm2", "down", "")
        text = (await asyncio.wait_for(streaming.content.read(), 60)).decode()
    assert ": answered by second, lan\n\n" in text
    assert text.endswith("data: [DONE]\n\n")


async def test_where_nothing_else_is_free_it_is_waited_for(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), second(other.url, slots=1), first_byte_seconds=3.0)
    door.backends.mark("smollm2", "down", "")
    holding = asyncio.create_task(door.chat("talk forever", stream=True))
    await until(lambda: other.running == 1)
    door.backends.mark("smollm2", "ready")
    asking = await _asked(door, engine)
    door.backends.mark("smollm2", "down", "")
    answer = await asyncio.wait_for(asking, 60)
    assert (answer.status, code(answer)) == (504, "engine_timeout")
    holding.cancel()


async def test_two_that_do_not_begin_are_enough(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    async with FakeEngine() as third:
        for each in (engine, other, third):
            each.always = "stall before headers"
        door = await open_door(
            backend(engine.url),
            second(other.url),
            second(third.url, id="third", tier="cloud"),
            first_byte_seconds=0.3,
        )
        answer = await door.chat("hi")
        assert (answer.status, code(answer)) == (504, "engine_timeout")
        assert [len(each.received) for each in (engine, other, third)] == [1, 1, 0]
        await until(lambda: not engine.running and not other.running)


async def test_who_leaves_while_it_is_moved_leaves_nothing(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), second(other.url))
    other.always = "stall before headers"
    asking = await _asked(door, engine)
    door.backends.mark("smollm2", "down", "")
    await until(lambda: other.running == 1)
    asking.cancel()
    await until(lambda: other.running == 0)
    assert sum(each.in_flight for each in door.app.dispatcher.snapshot().backends) == 0


async def test_a_place_that_was_taken_when_the_gateway_stops_is_left(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = await open_door(backend(engine.url), second(other.url))
    take = door.app.dispatcher.elsewhere
    taken: list[Seat] = []

    def elsewhere(ask: Ask, guest: Guest, avoid: frozenset[str]) -> Seat | None:
        if seat := take(ask, guest, avoid):
            taken.append(seat)
            for patience in door.app.in_flight._running:
                patience.end(stopping)
        return seat

    monkeypatch.setattr(door.app.dispatcher, "elsewhere", elsewhere)
    asking = await _asked(door, engine)
    door.backends.mark("smollm2", "down", "")
    answer = await asyncio.wait_for(asking, 60)
    assert (answer.status, code(answer)) == (503, "gateway_stopping")
    assert [seat.backend.id for seat in taken] == ["second"]
    assert sum(each.in_flight for each in door.app.dispatcher.snapshot().backends) == 0
    assert other.received == []


@dataclass
class Late(FakeEngine):
    """Begins once it may."""

    may_begin: asyncio.Event = field(default_factory=asyncio.Event)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await self.may_begin.wait()
        return await super()._handle(request)


async def test_after_the_first_byte_nobody_looks_any_more(
    other: FakeEngine, open_door: OpenDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    rings: list[Moving] = []
    ring = Moving._ring

    def noted(moving: Moving) -> None:
        rings.append(moving)
        late.may_begin.set()
        ring(moving)

    monkeypatch.setattr("kanoa_mlops.gateway.moving._LOOK_SECONDS", 0.02)
    monkeypatch.setattr(Moving, "_ring", noted)
    async with Late() as late:
        door = await open_door(backend(late.url), second(other.url))
        asked = chat("talk forever", stream=True)
        async with door.session.post(door.url + CHAT, json=asked) as streaming:
            assert await streaming.content.readuntil(b"\n\n") == chunk(" and")
            before = len(rings)
            assert before > 0
            await asyncio.sleep(0.3)
            assert len(rings) <= before + 1, "the one that was to come finds that it has begun"
        await until(lambda: late.running == 0)


async def _embedded(door: Door) -> Answer:
    """A text that the first engine has to count before it can cut it."""
    asked = {"model": "smollm2", "input": "word " * 100, "truncate_prompt_tokens": -1}
    return await door.post("/v1/embeddings", asked)


async def test_one_that_does_not_count_a_text_is_left_too(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    small = backend(engine.url, kind="embedding", context_tokens=100)
    door = await open_door(small, second(other.url, kind="embedding"))
    engine.always = "stall before headers"
    asking = asyncio.create_task(_embedded(door))
    await until(lambda: engine.running == 1)
    assert door.app.traffic.of("smollm2").waiting == 1, "whoever watches it knows that it is waited for"
    door.backends.mark("smollm2", "down", "")
    answer = await asyncio.wait_for(asking, 60)
    assert (answer.status, answer.headers["x-kanoa-backend"]) == (200, "second")
    assert [each.path for each in engine.received] == ["/tokenize"]
    found = await samples(door)
    assert found['kanoa_retries_total{reason="late"}'] == 1


async def test_the_time_for_counting_is_the_engines(engine: FakeEngine, open_door: OpenDoor) -> None:
    small = backend(engine.url, kind="embedding", context_tokens=100)
    door = await open_door(small, first_byte_seconds=0.3, terms=Terms(queue_seconds=1.0))
    engine.always = "stall before headers"
    answer = await asyncio.wait_for(_embedded(door), 60)
    assert (answer.status, code(answer)) == (504, "engine_timeout")
    await until(lambda: engine.running == 0)


@pytest.fixture
async def paid(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, office: Office
) -> AsyncIterator[Scene]:
    """One of our own, and a hosted one that costs."""
    yield await a_scene(engine, open_door, office, hosted(provider))


def _set_aside(scene: Scene) -> int:
    return scene.office.books.under(Cap(Payer.ALL, Period.MONTH, 0)).reserved


@pytest.mark.parametrize("stream", [True, False])
async def test_one_that_moves_to_who_costs_is_paid_once(
    paid: Scene, engine: FakeEngine, provider: FakeProvider, stream: bool
) -> None:
    asking = await _asked(paid.door, engine, max_tokens=100, stream=stream)
    paid.door.backends.mark("smollm2", "down", "")
    answer = await asyncio.wait_for(asking, 60)
    assert (answer.status, answer.headers["x-kanoa-tier"]) == (200, "hosted")
    await until(lambda: not paid.door.app.in_flight._running)
    micro = -(-provider.micro // 1)
    assert paid.booked() == {"hosted": (1, provider.answered[0]["prompt_tokens"], 4, micro)}
    assert _set_aside(paid) == 0


async def test_who_leaves_while_money_is_set_aside_leaves_nothing(
    paid: Scene, engine: FakeEngine, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly = Slowly(paid.office, monkeypatch)
    asking = await _asked(paid.door, engine, max_tokens=100)
    paid.door.backends.mark("smollm2", "down", "")
    await until(slowly.begun.is_set)
    asking.cancel()
    await until(lambda: not paid.door.app.in_flight._running)
    slowly.go.set()
    await until(lambda: bool(slowly.made))
    assert isinstance(slowly.made[0], Reservation)
    await until(lambda: [each.in_flight for each in paid.door.app.dispatcher.snapshot().backends] == [0, 0])
    await until(lambda: _set_aside(paid) == 0)
    assert not paid.booked().get("hosted")
    assert provider.asked == 0
