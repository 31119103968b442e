"""Gateways of one file: one alone counts in memory, and no limit is passed when others come and go."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from kanoa_mlops.errors import BooksUnusable
from kanoa_mlops.gateway.books.company import Company
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.books.shared_limits import SharedLimits
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from tests.gateway.books.test_shared_limits import key, let_in, started, together, until_let_in


@pytest.fixture
def books(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.db"
    SqliteStore(path).close()
    return path


def start(books: Path) -> SharedLimits:
    return started(str(books), 30.0)


def kept(books: Path) -> object:
    with closing(SqliteStore(books)) as store:
        return store.load("use of key 0badcafe")


async def test_one_that_is_alone_writes_a_key_down_once(books: Path) -> None:
    with closing(start(books)) as limits:
        anna = key(requests_per_minute=1000, tokens_per_minute=10**6, parallel=2)
        let_in(await limits.admit(anna)).end(5)
        before = kept(books)
        assert before
        for _ in range(200):
            let_in(await limits.admit(anna)).end(5)
        assert kept(books) == before
    assert kept(books) != before, "when it ends, it is written"


async def test_what_was_counted_in_memory_counts_for_who_comes(books: Path) -> None:
    anna, begin = key(requests_per_minute=6, parallel=4), time.monotonic()
    with closing(start(books)) as one:
        places = [let_in(await one.admit(anna)) for _ in range(3)]
        with closing(start(books)) as other:
            places.append(let_in(await other.admit(anna)))
            for each in (one, other):
                found = await each.admit(anna)
                assert isinstance(found, Refusal)
                assert found.limit is Limit.PARALLEL
            for place in places:
                place.end()
            for each in (one, other):
                places.append(await until_let_in(each, anna))
            for each in (one, other):
                while not isinstance(found := await each.admit(anna), Refusal):
                    places.append(found)
                    found.end()
                assert found.limit is Limit.REQUESTS
            # Ten seconds refill one, should it have taken that long.
            assert len(places) <= 6 + (time.monotonic() - begin) / 10


async def test_one_that_was_left_alone_counts_in_memory_again(books: Path) -> None:
    with closing(start(books)) as staying:
        with closing(start(books)) as leaving:
            await together([staying, leaving])
            anna = key(requests_per_minute=6000)
            for _ in range(3):
                before = kept(books)
                let_in(await staying.admit(anna)).end()
                assert kept(books) != before
        async with asyncio.timeout(30):
            while True:
                before = kept(books)
                let_in(await staying.admit(anna)).end()
                await asyncio.sleep(0.1)
                if kept(books) == before:
                    return


async def test_a_restart_goes_on_counting(books: Path) -> None:
    anna = key(tokens_per_minute=60)
    with closing(start(books)) as limits:
        let_in(await limits.admit(anna)).end(600)
    with closing(start(books)) as limits:
        found = await limits.admit(anna)
        assert isinstance(found, Refusal)
        assert found.limit is Limit.TOKENS


async def test_one_that_is_killed_lets_others_in(books: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from tests.gateway.books.test_shared_limits import key, let_in, started\n"
        "async def main():\n"
        "    limits = started(sys.argv[1], 30.0)\n"
        "    let_in(await limits.admit(key(requests_per_minute=60)))\n"
        "    print('in', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, str(books)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"in\n"
        killed.kill()
    with closing(start(books)) as limits:
        let_in(await limits.admit(key(requests_per_minute=60)))


async def test_one_that_keeps_the_books_to_itself_is_told(
    books: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("kanoa_mlops.gateway.books.shared_limits._PATIENCE", 0.3)
    hanging = Company(books)
    assert hanging.enter()
    assert hanging.alone
    with closing(start(books)) as limits:
        found = await limits.admit(key(parallel=1))
        assert isinstance(found, Refusal)
        assert found.limit is Limit.BOOKS
        async with asyncio.timeout(30):
            while "keeps the use of the books to itself" not in caplog.text:
                await asyncio.sleep(0.02)
        hanging.leave()
        await until_let_in(limits, key(parallel=1))
    assert "kept again" in caplog.text


@pytest.mark.parametrize("seed", range(3))
async def test_no_limit_is_passed_while_gateways_come_and_go(books: Path, seed: int) -> None:
    chance, anna = random.Random(seed), key(parallel=3, requests_per_minute=600)
    gateways = [start(books)]
    running = most = admitted = 0
    under_way: Counter[SharedLimits] = Counter()
    begin = time.monotonic()

    async def ask(turns: int) -> None:
        nonlocal running, most, admitted
        for _ in range(turns):
            gateway = chance.choice(gateways)
            under_way[gateway] += 1
            found = await gateway.admit(anna)
            if isinstance(found, Refusal):
                assert found.limit in (Limit.PARALLEL, Limit.REQUESTS)
                await asyncio.sleep(0.01)
            else:
                running, admitted = running + 1, admitted + 1
                most = max(most, running)
                # Those who were let in first stay until there are all that may be, however slow the books.
                while most < 3:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.003 * chance.random())
                running -= 1
                found.end()
            under_way[gateway] -= 1

    async def come_and_go() -> None:
        for _ in range(4):
            gateways.append(start(books))
            await asyncio.sleep(0.3 * chance.random())
            if len(gateways) > 2 or chance.random() < 0.5:
                leaving = gateways.pop(chance.randrange(len(gateways)))
                # What it has let in ends before it does, as in a drain.
                while under_way[leaving]:
                    await asyncio.sleep(0)
                await asyncio.to_thread(leaving.close)

    asking = [asyncio.create_task(ask(400)) for _ in range(6)]
    await come_and_go()
    await asyncio.gather(*asking)
    for each in gateways:
        each.close()
    assert most == 3, "all that may be, and no more"
    assert admitted <= 600 + 10 * (time.monotonic() - begin)


def test_without_a_folder_that_may_be_written_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(BooksUnusable, match="cannot be shared"):
        Company(tmp_path / "none" / "gateway.db")
