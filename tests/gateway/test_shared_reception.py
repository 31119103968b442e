"""Two gateways before one database: what one let in, the other one knows."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.key import KeyLimits, new_key
from kanoa_mlops.gateway.books.link import Address
from kanoa_mlops.gateway.books.postgres import PostgresStore
from kanoa_mlops.gateway.books.shared_limits import SharedLimits
from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.reception import Reception
from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import OpenDoor, backend, chat
from tests.postgres import Postgres

CHAT = "/v1/chat/completions"


class Gateway:
    """As on a machine of its own."""

    def __init__(self, url: str) -> None:
        self.store = PostgresStore(Address(url))
        self.books = Books(self.store)
        self.limits = SharedLimits(PostgresStore(Address(url)))
        self.reception = Reception(self.books, True, limits=self.limits)

    def close(self) -> None:
        self.limits.close()
        self.store.close()


@pytest.fixture
async def gateways(postgres: Postgres) -> AsyncIterator[list[Gateway]]:
    with postgres.database() as url:
        made = [Gateway(url), Gateway(url)]
        yield made
        for each in made:
            each.close()


def new(gateways: list[Gateway], **limits: int) -> dict[str, str]:
    """A key of these limits, as headers."""
    key, text = new_key("ann", time.time(), limits=KeyLimits(**limits))  # type: ignore[arg-type]
    gateways[0].store.add_key(key)
    for each in gateways:
        each.books.tick()
        # Only others' changes are looked at.
        each.books.keyring.replace(each.store.all_keys())
    return {"authorization": f"Bearer {text}"}


async def test_one_at_the_same_time_is_one_at_both(
    gateways: list[Gateway], engine: FakeEngine, open_door: OpenDoor
) -> None:
    headers = new(gateways, parallel=1)
    one, other = [await open_door(backend(engine.url), reception=each.reception) for each in gateways]
    asking = asyncio.create_task(one.post(CHAT, chat("talk forever", stream=True), headers=headers))
    async with asyncio.timeout(30):
        while not engine.running:
            await asyncio.sleep(0.01)
        assert (await other.post(CHAT, chat("hi"), headers=headers)).status == 429
        asking.cancel()
        while (await other.post(CHAT, chat("hi"), headers=headers)).status != 200:
            await asyncio.sleep(0.01)


async def test_both_write_one_ledger(
    gateways: list[Gateway], engine: FakeEngine, open_door: OpenDoor
) -> None:
    headers = new(gateways, requests_per_minute=6)
    doors = [await open_door(backend(engine.url), reception=each.reception) for each in gateways]
    begin = time.monotonic()
    answers = await asyncio.gather(*[doors[n % 2].post(CHAT, chat("hi"), headers=headers) for n in range(12)])
    statuses = [each.status for each in answers]
    let_in, refilled = statuses.count(200), (time.monotonic() - begin) * 6 / 60
    assert 6 <= let_in <= 6 + refilled + 1
    assert statuses.count(429) == 12 - let_in
    for each in gateways:
        each.books.tick()
    (total,) = gateways[0].store.totals([Dimension.MODEL], 0, time.time() + 1)
    assert total.requests == let_in


async def test_where_the_database_is_away_a_limit_is_not_guessed(
    gateways: list[Gateway], engine: FakeEngine, open_door: OpenDoor, postgres: Postgres
) -> None:
    limited = new(gateways, parallel=1)
    door = await open_door(backend(engine.url), reception=gateways[1].reception)
    postgres.stop()
    try:
        refused = await door.post(CHAT, chat("hi"), headers=limited)
    finally:
        postgres.start()
    assert (refused.status, json.loads(refused.text)["error"]["code"]) == (503, "books_unreachable")
    assert refused.headers["retry-after"] == "1"
    async with asyncio.timeout(30):
        while (await door.post(CHAT, chat("hi"), headers=limited)).status != 200:
            await asyncio.sleep(0.05)
