"""A description has its turn among all requests for the model that sees, and is booked to its owner."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kanoa_mlops.gateway.reception import Reception
from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Answer, Door, OpenDoor, backend, chat
from tests.gateway.test_describe import seeing
from tests.gateway.test_figures import CHAT, PNG, asked, figure
from tests.gateway.test_leaving import until
from tests.gateway.test_pools import code
from tests.gateway.test_reception import Office, bearer


@pytest.fixture
async def eye() -> AsyncIterator[FakeEngine]:
    """The engine of the model that sees."""
    async with FakeEngine() as running:
        yield running


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()
    made.gateways.close()


@pytest.fixture
async def door(engine: FakeEngine, eye: FakeEngine, open_door: OpenDoor, office: Office) -> Door:
    desk = Reception(office.books, key_required=False)
    return await open_door(backend(engine.url), seeing(eye.url, slots=1, tier="lan"), reception=desk)


async def held(door: Door, eye: FakeEngine) -> asyncio.Task[Answer]:
    """Somebody has the one place of the model that sees."""
    holding = asyncio.create_task(door.post(CHAT, chat("talk forever", stream=True, model="qwen-vl")))
    await until(lambda: eye.running == 1)
    return holding


def other_figure(number: int) -> dict[str, object]:
    return figure("data:image/png;base64," + base64.b64encode(PNG + b"%d" % number).decode())


async def test_it_waits_for_its_turn(door: Door, engine: FakeEngine, eye: FakeEngine) -> None:
    holding = await held(door, eye)
    asking = asyncio.create_task(door.post(CHAT, asked(figure())))
    await until(lambda: door.queued == 1)
    assert eye.running == 1
    assert engine.received == []
    holding.cancel()
    answer = await asyncio.wait_for(asking, 60)
    assert (answer.status, answer.headers["x-kanoa-figure"]) == (200, "described")


async def test_no_more_are_under_way_than_there_are_places(door: Door, eye: FakeEngine) -> None:
    eye.always = "after a while"
    answers = await asyncio.gather(*[door.post(CHAT, asked(other_figure(n))) for n in range(5)])
    assert [answer.status for answer in answers] == [200] * 5
    assert eye.most == 1
    assert len(eye.received) == 5


async def test_who_leaves_leaves_no_place_and_no_turn(door: Door, eye: FakeEngine) -> None:
    holding = await held(door, eye)
    asking = asyncio.create_task(door.post(CHAT, asked(figure())))
    await until(lambda: door.queued == 1)
    asking.cancel()
    await until(lambda: door.queued == 0)
    holding.cancel()
    await until(lambda: eye.running == 0)
    eye.always = "stall before headers"
    asking = asyncio.create_task(door.post(CHAT, asked(figure())))
    await until(lambda: eye.running == 1)
    asking.cancel()
    await until(lambda: eye.running == 0)
    await until(lambda: not sum(each.in_flight for each in door.app.dispatcher.snapshot().backends))


async def test_what_it_took_is_its_owners(
    door: Door, eye: FakeEngine, office: Office, tmp_path: Path
) -> None:
    key = office.key("ann", parallel=1, tokens_per_minute=20)
    answer = await door.post(CHAT, asked(figure()), headers=bearer(key))
    assert answer.status == 200, "its own two models at the same time are one request"
    office.books.tick()
    columns = "model, backend, tier, prompt_tokens, completion_tokens, total_ms > 0"
    with sqlite3.connect(tmp_path / "gateway.db") as file:
        rows = file.execute(f"SELECT {columns} FROM entries WHERE key <> '' ORDER BY model").fetchall()
    file.close()
    assert rows == [("qwen-vl", "qwen-vl", "lan", 7, 4, 1), ("smollm2", "smollm2", "local", 7, 4, 1)]
    refused = await door.post(CHAT, chat("hi"), headers=bearer(key))
    assert (refused.status, code(refused)) == (429, "rate_limit_exceeded"), "22 tokens of 20"
