"""An engine that does not begin is left for another one: when it is found to be down, or at its limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Answer, Door, OpenDoor, backend
from tests.gateway.test_leaving import until
from tests.gateway.test_metrics import samples
from tests.gateway.test_pools import ANSWER, code, said, second


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
    answer = await asyncio.wait_for(asking, 10)
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
    asking = await _asked(door, engine, stream=True)
    await asyncio.sleep(0.3)
    door.backends.mark("smollm2", "down", "")
    text = (await asyncio.wait_for(asking, 10)).text
    assert ": the engine reads the prompt\n\n" in text
    assert ": answered by second, lan\n\n" in text
    assert text.endswith("data: [DONE]\n\n")


async def test_where_nothing_else_is_free_it_is_waited_for(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), second(other.url, slots=1), first_byte_seconds=3.0)
    asking = await _asked(door, engine)
    holding = asyncio.create_task(door.chat("talk forever", stream=True, model="smollm2"))
    other.always = "talk forever"
    door.backends.mark("smollm2", "down", "")
    await until(lambda: other.running == 1)
    answer = await asyncio.wait_for(asking, 10)
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
