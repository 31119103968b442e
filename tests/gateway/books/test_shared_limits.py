"""Limits of keys over several gateways: never more than a limit, nothing kept by who is gone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.gateway.books import asked as asking
from kanoa_mlops.gateway.books.company import Company
from kanoa_mlops.gateway.books.key import Key, KeyLimits
from kanoa_mlops.gateway.books.rate_limits import OwnLimits, Place, RateLimits
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.books.shared_limits import SharedLimits
from tests.gateway.books.places import Stored, execute, let_go, opened
from tests.postgres import Postgres

Opens = Callable[..., SharedLimits]


def key(id: str = "0badcafe", **said: Any) -> Key:
    return Key(id, "anna", b"", 0.0, limits=KeyLimits(**said))


@pytest.fixture
async def gateway(where: str) -> AsyncIterator[Opens]:
    """Makes as many as a test wants."""
    made: list[SharedLimits] = []

    def start(lapses_after: float = 30.0) -> SharedLimits:
        made.append(started(where, lapses_after))
        return made[-1]

    yield start
    for each in made:
        each.close()


def started(where: str, lapses_after: float) -> SharedLimits:
    company = None if where.startswith("postgresql://") else Company(Path(where))
    return SharedLimits(opened(where, patience=30.0), company, lapses_after=lapses_after)


async def together(gateways: Sequence[SharedLimits]) -> Sequence[SharedLimits]:
    """Once each has let somebody in, they know of one another."""
    for each in gateways:
        let_in(await each.admit(key("someone", parallel=9))).end()
    return gateways


def let_in(found: Place | Refusal) -> Place:
    assert not isinstance(found, Refusal), found
    return found


async def until_let_in(limits: RateLimits, key: Key) -> Place:
    """The test's own limit of time ends it where it never is."""
    while isinstance(found := await limits.admit(key), Refusal):
        await asyncio.sleep(0.02)
    return found


async def test_never_more_at_the_same_time_than_a_key_may_have(gateway: Opens) -> None:
    gateways, anna = [gateway() for _ in range(3)], key(parallel=4)
    running, most, refused = 0, 0, 0

    async def ask(number: int) -> None:
        nonlocal running, most, refused
        let_in = 0
        while let_in < 5:
            found = await gateways[number % 3].admit(anna)
            if isinstance(found, Refusal):
                assert (found.limit, found.retry_after_ms) == (Limit.PARALLEL, None)
                refused += 1
                await asyncio.sleep(0.001)
                continue
            let_in, running = let_in + 1, running + 1
            most = max(most, running)
            # The first stay until it was full and somebody was refused, however slow the store is.
            while most < 4 or not refused:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.001 * (number % 5))
            running -= 1
            found.end()

    await asyncio.gather(*[ask(number) for number in range(12)])
    assert most == 4, "all that may be, and no more"
    places = [await until_let_in(gateways[number % 3], anna) for number in range(4)]
    assert isinstance(await gateways[0].admit(anna), Refusal)
    for place in places:
        place.end()


async def test_never_more_in_a_minute_than_a_key_may_have(gateway: Opens) -> None:
    gateways, keys = [gateway() for _ in range(2)], [key(f"{n}", requests_per_minute=20) for n in range(3)]
    begin = time.monotonic()

    async def ask(number: int) -> list[bool]:
        found = [await gateways[number % 2].admit(keys[number % 3]) for _ in range(15)]
        for each in found:
            if not isinstance(each, Refusal):
                each.end()
        return [not isinstance(each, Refusal) for each in found]

    admitted = [sum(each) for each in await asyncio.gather(*[ask(number) for number in range(6)])]
    refilled = (time.monotonic() - begin) * 20 / 60
    for number in range(3):
        assert 20 <= admitted[number] + admitted[number + 3] <= 20 + refilled + 1


async def test_tokens_that_one_used_are_waited_for_at_the_other(gateway: Opens) -> None:
    one, other, anna = gateway(), gateway(), key(tokens_per_minute=60, parallel=2)
    place = let_in(await one.admit(anna))
    place.end(6000)
    place.end(6000)
    while not isinstance(found := await other.admit(anna), Refusal):
        found.end()
    assert found.limit is Limit.TOKENS
    assert found.retry_after_ms is not None
    assert 0 < found.retry_after_ms <= 5941 * 1000, "and not twice"


async def test_what_a_killed_one_had_lapses(gateway: Opens, where: str) -> None:
    program = (
        "import asyncio, os\n"
        "from tests.gateway.books.test_shared_limits import key, let_in, started\n"
        "async def main():\n"
        "    limits = started(os.environ['WHERE'], 4.0)\n"
        "    places = [let_in(await limits.admit(key(parallel=2))) for _ in range(2)]\n"
        "    print('in', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    limits, anna = gateway(lapses_after=4.0), key(parallel=2)
    environment = {**os.environ, "WHERE": where}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"in\n"
        assert isinstance(await limits.admit(anna), Refusal)
        holder.kill()
    for _ in range(2):
        await until_let_in(limits, anna)
    assert isinstance(await limits.admit(anna), Refusal)


async def test_what_lasts_is_said_again_and_again(gateway: Opens, store: Stored) -> None:
    limits, _ = await together([gateway(lapses_after=0.3), gateway()])
    let_in(await limits.admit(key(parallel=1)))

    def end() -> int:
        ((_, end),) = store.load("use of key 0badcafe")["running"].values()
        return int(end)

    first = end()
    while end() < first + 1_000_000:
        await asyncio.sleep(0.02)


async def test_one_that_closes_gives_back_what_it_has(gateway: Opens) -> None:
    leaving, staying, anna = gateway(), gateway(), key(parallel=1)
    place = let_in(await leaving.admit(anna))
    assert isinstance(await staying.admit(anna), Refusal)
    leaving.close()
    let_in(await staying.admit(anna))
    place.end()
    found = await leaving.admit(anna)
    assert isinstance(found, Refusal)
    assert found.limit is Limit.BOOKS


async def test_whoever_leaves_while_waiting_takes_nothing(gateway: Opens, store: Stored) -> None:
    (limits, _), anna = await together([gateway(), gateway()]), key(parallel=1)
    let_in(await limits.admit(anna)).end()
    hold_states(store)
    waiting = [asyncio.create_task(limits.admit(anna)) for _ in range(3)]
    await asyncio.sleep(0.1)
    for each in waiting:
        each.cancel()
    assert all(isinstance(each, asyncio.CancelledError) for each in await gathered(waiting))
    let_go(store)
    (await until_let_in(limits, anna)).end()


async def test_whoever_leaves_just_as_it_is_let_in_takes_nothing(
    gateway: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, anna = gateway(), key(parallel=1)
    deliver = asking._deliver

    def then_leave(answer: asyncio.Future[Place | Refusal], found: Place | Refusal) -> None:
        deliver(answer, found)
        asked.cancel()

    monkeypatch.setattr(asking, "_deliver", then_leave)
    asked = asyncio.create_task(limits.admit(anna))
    (left,) = await gathered([asked])
    assert isinstance(left, asyncio.CancelledError)
    monkeypatch.undo()
    (await until_let_in(limits, anna)).end()


async def test_where_nothing_can_be_known_nobody_is_let_in_by_a_limit(
    postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    with postgres.database() as url:
        limits, anna = SharedLimits(opened(url)), key(tokens_per_minute=60, parallel=1)
        place = let_in(await limits.admit(anna))
        postgres.stop()
        try:
            place.end(600)
            for _ in range(3):
                found = await limits.admit(anna)
                assert isinstance(found, Refusal)
                assert (found.limit, found.retry_after_ms) == (Limit.BOOKS, 1000)
                assert "kanoa" not in found.message, "clients learn nothing of the server"
            let_in(await limits.admit(key("free"))).end(10**9)
        finally:
            postgres.start()
        while isinstance(found := await limits.admit(anna), Refusal) and found.limit is Limit.BOOKS:
            await asyncio.sleep(0.05)
        assert isinstance(found, Refusal)
        assert found.limit is Limit.TOKENS, "what ended meanwhile is charged"
        limits.close()
    assert [each.message.partition(" cannot be reached: ")[0][:22] for each in caplog.records] == [
        "The gateway's database",
        "The limits of keys are",
    ]
    assert postgres.password not in caplog.text


async def test_a_database_that_is_held_is_not_waited_for_for_ever(
    gateway: Opens, store: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    (limits, _), anna = await together([gateway(), gateway()]), key(parallel=1)
    let_in(await limits.admit(anna)).end()
    hold_states(store)
    monkeypatch.setattr("kanoa_mlops.gateway.books.shared_limits._PATIENCE", 0.2)
    found = await limits.admit(anna)
    assert isinstance(found, Refusal)
    assert found.limit is Limit.BOOKS
    monkeypatch.undo()
    let_go(store)
    (await until_let_in(limits, anna)).end()


async def test_one_process_alone_never_waits() -> None:
    now = 0.0
    limits: RateLimits = OwnLimits(clock=lambda: now)
    anna = key(tokens_per_minute=60, parallel=1)
    place = let_in(await limits.admit(anna))
    found = await limits.admit(anna)
    assert isinstance(found, Refusal)
    assert found.limit is Limit.PARALLEL
    place.end(90)
    place.end(90)
    found = await limits.admit(anna)
    assert isinstance(found, Refusal)
    assert found.retry_after_ms == 31_000
    now = 31.0
    let_in(await limits.admit(anna))
    limits.close()


def hold_states(store: Stored) -> None:
    execute(store, "BEGIN")
    execute(store, "UPDATE states SET value = value")


async def gathered(tasks: list[asyncio.Task[Place | Refusal]]) -> list[Place | Refusal | BaseException]:
    return await asyncio.gather(*tasks, return_exceptions=True)
