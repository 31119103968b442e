"""A machine that is off, behind an engine that runs: asked for when needed, held for, given up in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door, OpenDoor, backend, chat
from tests.gateway.test_leaving import CHAT, until
from tests.gateway.test_metrics import samples
from tests.gateway.test_pools import ANSWER, code, said

DOWN: dict[str, Any] = {"state": "down", "reason": "not reached"}


@dataclass
class Landlord:
    """Starts a machine when the test lets it."""

    may_start: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[str] = field(default_factory=list)
    held: int = 0

    @asynccontextmanager
    async def using(self, backend: str, tell: Callable[[str], None], /) -> AsyncIterator[None]:
        self.asked.append(backend)
        self.held += 1
        try:
            tell(f"{backend} starts")
            await self.may_start.wait()
            yield
        finally:
            self.held -= 1


@pytest.fixture
def landlord() -> Landlord:
    return Landlord()


async def a_door(
    open_door: OpenDoor, engine: FakeEngine, landlord: Landlord, near: dict[str, Any], **options: Any
) -> Door:
    """An engine nearby, and the same model on a machine that is rented and off."""
    rented = backend(engine.url, id="vm", tier="cloud", state="asleep", on_demand=True)
    return await open_door(backend(engine.url, **near), rented, loader=landlord, **options)


async def test_it_is_asked_for_and_the_request_held(
    engine: FakeEngine, open_door: OpenDoor, landlord: Landlord
) -> None:
    door = await a_door(open_door, engine, landlord, DOWN)
    asking = asyncio.create_task(door.chat("hi"))
    await until(lambda: landlord.asked == ["vm"])
    assert engine.received == []
    landlord.may_start.set()
    answer = await asking
    assert (said(answer), answer.headers["x-kanoa-backend"]) == (ANSWER, "vm")
    assert answer.headers["x-kanoa-tier"] == "cloud"
    assert landlord.held == 0
    assert (await samples(door))['kanoa_burst_total{reason="burst_down"}'] == 1


async def test_a_stream_says_what_it_is_held_for(
    engine: FakeEngine, open_door: OpenDoor, landlord: Landlord
) -> None:
    door = await a_door(open_door, engine, landlord, DOWN, silent_seconds=0.05, heartbeat_seconds=0.05)
    async with door.session.post(door.url + CHAT, json=chat("hi", stream=True)) as streaming:
        assert await streaming.content.readuntil(b"\n\n") == b": vm starts\n\n"
        assert landlord.asked == ["vm"]
        landlord.may_start.set()
        text = (await streaming.content.read()).decode()
    assert ": answered by vm, cloud\n\n" in text
    assert text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [False, True])
async def test_one_that_does_not_start_is_given_up_in_time(
    engine: FakeEngine, open_door: OpenDoor, landlord: Landlord, stream: bool
) -> None:
    door = await a_door(open_door, engine, landlord, DOWN, loading_seconds=0.3)
    answer = await door.chat("hi", stream=stream)
    assert (answer.status, code(answer)) == (503, "model_not_loaded")
    assert answer.headers["retry-after"] == "10"
    assert "smollm2 was not loaded within 0.3 s." in answer.text
    await until(lambda: landlord.held == 0)  # who starts it hears that nobody waits any more


async def test_it_stays_off_where_it_is_not_needed_or_not_wanted(
    engine: FakeEngine, open_door: OpenDoor, landlord: Landlord
) -> None:
    door = await a_door(open_door, engine, landlord, {})
    assert (await door.chat("hi")).headers["x-kanoa-tier"] == "local"
    door = await a_door(open_door, engine, landlord, DOWN)
    refused = await door.post(
        "/v1/chat/completions",
        {"model": "smollm2", "messages": [{"role": "user", "content": "hi"}]},
        headers={"x-kanoa-burst": "never"},
    )
    assert (refused.status, json.loads(refused.text)["error"]["code"]) == (503, "model_down")
    assert "the request forbids it" in refused.text
    assert landlord.asked == []
