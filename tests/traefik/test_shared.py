"""Two real gateways behind the real Traefik: keys, budgets and limits are of both, wherever the books are."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import openai
import pytest

from kanoa_mlops.gateway.books.totals import Dimension
from tests.postgres import Postgres
from tests.traefik.conftest import Authority, Stand
from tests.traefik.replica import Replica
from tests.traefik.shared import Asker, Site, outcomes, two_gateways, until

ANSWER = "The sales rise."
STREAMS = 8


@pytest.fixture(params=["sqlite", "postgres"])
async def site(
    request: pytest.FixtureRequest, home: Path, authority: Authority, stand: Stand
) -> AsyncIterator[Site]:
    postgres = request.getfixturevalue("postgres") if request.param == "postgres" else None
    async with two_gateways(home, authority, stand, postgres) as site:
        yield site


def limits_of(refused: list[openai.APIStatusError]) -> set[tuple[int, object]]:
    return {(each.status_code, each.body.get("limit")) for each in refused if isinstance(each.body, dict)}


def codes(refused: list[openai.APIStatusError]) -> set[tuple[int, object]]:
    return {(each.status_code, each.code) for each in refused}


async def test_a_key_is_one_of_both(site: Site) -> None:
    one, other = site.replicas
    assert not await site.knows(other, "kanoa-no-such-key")
    anna = await site.asker("anna")
    assert [await anna.ask() for _ in range(STREAMS)] == [ANSWER] * STREAMS
    counts = [await each.answered() for each in site.replicas]
    assert sum(counts) == STREAMS
    assert all(counts), "both were asked"
    await until(partial(_booked, site, "anna", STREAMS))
    assert "anna" in site.run(site.machines[1], "usage", "--by", "key")
    key = anna.client.api_key
    site.run(site.machines[1], "keys", "revoke", "anna")
    for each in (one, other):
        await until(partial(_refuses, site, each, key))
    with pytest.raises(openai.AuthenticationError, match="revoked"):
        await anna.ask()


async def test_requests_of_a_minute_are_counted_over_both(site: Site) -> None:
    limit = 6
    anna, began = await site.asker("anna", f"--requests-per-minute={limit}"), time.monotonic()
    answered, refused = await outcomes(anna.ask() for _ in range(4 * limit))
    refilled = (time.monotonic() - began) * limit / 60
    assert limit <= len(answered) <= limit + refilled
    assert limits_of(refused) == {(429, "requests_per_minute")}
    assert all(int(each.response.headers["retry-after"]) in range(1, 61) for each in refused)
    assert len(site.engine.received) == len(answered), "nobody else came to the engine"
    await until(partial(_booked, site, "anna", len(answered)))


async def test_so_many_at_the_same_time_are_so_many_at_both(site: Site) -> None:
    anna = await site.asker("anna", f"--parallel={STREAMS}")
    streams = await anna.hold(STREAMS)
    assert sorted([await each.running() for each in site.replicas]) == [STREAMS // 2] * 2
    answered, refused = await outcomes(anna.ask() for _ in range(STREAMS))
    assert (answered, limits_of(refused)) == ([], {(429, "parallel")})
    site.engine.go.set()
    assert await asyncio.gather(*streams) == ["begun ended"] * STREAMS
    site.engine.go.clear()
    await until(partial(_all_may, site, anna))


async def test_dollars_of_a_day_are_spent_once(site: Site) -> None:
    budget = 300  # micro-dollars
    anna = await site.asker("anna", "--burst", f"--dollars-per-day={budget / 1e6:.6f}")
    most = await (await site.asker("ben", "--burst")).most()
    answered, refused = await outcomes(anna.ask_beyond() for _ in range(40))
    assert answered
    # By the sums that a gateway has in memory, or by those of the database.
    assert codes(refused) == {(429, "budget_spent")}
    assert {limit for _, limit in limits_of(refused)} <= {"key_dollars_per_day", None}

    async def is_used_up() -> bool:
        """To the last answer that there may be money for."""
        with pytest.raises(openai.RateLimitError, match=r"dollars|budget|day"):
            while True:
                answered.append(await anna.ask_beyond())
        return bool(budget - site.booked(Dimension.KEY, "anna").micro < most)

    await until(is_used_up)
    await until(partial(_booked, site, "ben", 1))
    _adds_up(site, ["ben's", *answered])
    assert 0 < site.booked(Dimension.KEY, "anna").micro <= budget


async def test_one_that_leaves_cuts_nothing_and_gives_back_what_it_held(site: Site) -> None:
    leaving, _ = site.replicas
    anna, ben = await site.asker("anna", f"--parallel={STREAMS}"), await site.asker("ben")
    streams = await anna.hold(STREAMS)
    assert await leaving.running() == STREAMS // 2
    await leaving.watched()
    leaving.process.send_signal(signal.SIGTERM)
    asked = 0
    async with asyncio.timeout(60):
        while not leaving.is_closed:
            assert await ben.ask() == ANSWER
            asked += 1
    assert asked
    assert not any(stream.done() for stream in streams)
    _, refused = await outcomes([anna.ask()])
    assert limits_of(refused) == {(429, "parallel")}, "what it still answers counts"
    site.engine.go.set()
    assert await asyncio.gather(*streams) == ["begun ended"] * STREAMS
    assert await asyncio.to_thread(leaving.process.wait, 30) == 0
    site.engine.go.clear()
    again = await anna.hold(STREAMS)  # at once; of one that was killed they would count for half a minute
    site.engine.go.set()
    assert await asyncio.gather(*again) == ["begun ended"] * STREAMS
    await until(partial(_booked, site, "anna", 2 * STREAMS))
    await until(partial(_booked, site, "ben", asked))


async def test_what_a_killed_one_held_lapses(site: Site) -> None:
    killed, staying = site.replicas
    anna = await site.asker("anna", f"--parallel={STREAMS}")
    streams = await anna.hold(STREAMS)
    lost, kept = await killed.running(), await staying.running()
    killed.kill()
    _, refused = await outcomes([anna.ask()])
    assert limits_of(refused) == {(429, "parallel")}, "nobody knows yet that it is dead"

    async def is_let_in() -> bool:
        answered, _ = await outcomes([anna.ask()])
        return bool(answered)

    await until(is_let_in)
    await anna.hold(lost)
    _, refused = await outcomes([anna.ask()])
    assert limits_of(refused) == {(429, "parallel")}, "those of the one that stays count on"
    site.engine.go.set()
    ended = await asyncio.gather(*streams, return_exceptions=True)
    assert ended.count("begun ended") == kept
    assert sum(isinstance(each, Exception) for each in ended) == lost, "a cut is seen to be one"


@pytest.mark.parametrize("site", ["postgres"], indirect=True)
async def test_while_the_database_is_away_nothing_is_spent_and_nothing_lost(
    site: Site, postgres: Postgres
) -> None:
    anna, ben = await site.asker("anna", "--burst"), await site.asker("ben", "--parallel=4")
    streams = await anna.hold(STREAMS)
    site.provider.seconds = 2.0
    paying = [asyncio.create_task(anna.ask_beyond()) for _ in range(STREAMS)]
    await until(partial(_asked, site, STREAMS))
    await asyncio.to_thread(postgres.stop, "immediate")
    try:
        answered = await asyncio.gather(*paying)
        local = [await anna.ask() for _ in range(STREAMS)]
        site.engine.go.set()
        assert await asyncio.gather(*streams) == ["begun ended"] * STREAMS
        _, dear = await outcomes(anna.ask_beyond() for _ in range(STREAMS))
        _, limited = await outcomes(ben.ask() for _ in range(2))
    finally:
        await asyncio.to_thread(postgres.start)
    assert local == [ANSWER] * STREAMS
    assert codes(dear) == {(503, "books_unreachable")}
    assert site.provider.asked == STREAMS, "what was refused was not sent"
    assert codes(limited) == {(503, "books_unreachable")}
    await until(partial(_answers, ben))
    site.provider.seconds = 0
    await until(partial(_answers_beyond, anna, answered))
    # Refusals are booked too: those of money came in by the door.
    await until(partial(_well_booked, site, "anna", 2 * STREAMS + len(answered)))
    _adds_up(site, answered)


def _adds_up(site: Site, answered: list[str]) -> None:
    """The books with the provider's own, to the token."""
    booked, provider = site.booked(Dimension.TIER, "hosted"), site.provider
    assert booked.requests == len(answered) == len(provider.answered)
    for name in ("prompt_tokens", "completion_tokens"):
        assert getattr(booked, name) == sum(each[name] for each in provider.answered)
    assert provider.micro <= booked.micro <= provider.micro + len(answered), "each rounded up"


async def _booked(site: Site, name: str, requests: int) -> bool:
    """So many, and not more."""
    found = site.booked(Dimension.KEY, name).requests
    assert found <= requests
    return found == requests


async def _well_booked(site: Site, name: str, answered: int) -> bool:
    total = site.booked(Dimension.KEY, name)
    assert total.requests - total.failed <= answered
    return total.requests - total.failed == answered


async def _asked(site: Site, count: int) -> bool:
    return site.provider.asked == count


async def _refuses(site: Site, replica: Replica, key: str) -> bool:
    return not await site.knows(replica, key)


async def _answers(asker: Asker) -> bool:
    answered, _ = await outcomes([asker.ask()])
    return bool(answered)


async def _answers_beyond(asker: Asker, so_far: list[str]) -> bool:
    answered, _ = await outcomes([asker.ask_beyond()])
    so_far += answered
    return bool(answered)


async def _all_may(site: Site, asker: Asker) -> bool:
    """As many as before, once those before are known to be over."""
    site.engine.go.set()
    answered, _ = await outcomes(asker.ask() for _ in range(STREAMS))
    return len(answered) == STREAMS
