"""Passages of a collection that is not shareable stay on the owner's machines, whatever else is allowed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.line import Terms
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.local.archive import LocalArchive
from tests.fakes.engine import FakeEngine
from tests.fakes.provider import FakeProvider
from tests.gateway.conftest import Door, OpenDoor, backend
from tests.gateway.grounded.conftest import CHAT, DRIFT, asked, error, put, search
from tests.gateway.test_bursting import hosted, provider
from tests.gateway.test_pools import said
from tests.gateway.test_reception import Office, office

__all__ = ["office", "provider"]  # the fixtures
REQUIRED = {"x-kanoa-burst": "require"}
SHARED = [search("shared")]


@pytest.fixture
async def scene(
    engine: FakeEngine, provider: FakeProvider, open_door: OpenDoor, archive: LocalArchive, office: Office
) -> AsyncIterator[Door]:
    put(archive, "papers", DRIFT)
    put(archive, "shared", "The sensor drift in May is on the web.", shareable=True)
    yield await open_door(
        backend(engine.url, structured=False),
        hosted(provider),
        reception=Reception(office.books, False, Purse(office.books, (), after_seconds=0.2)),
        terms=Terms(queue_seconds=1.0),
        library=Library(archive),
    )


async def test_private_passages_stay_and_the_client_reads_why(scene: Door, provider: FakeProvider) -> None:
    refused = await scene.post(CHAT, asked(max_tokens=10), headers=REQUIRED)
    status, code, _, message = error(refused)
    assert (status, code) == (400, "burst_not_allowed")
    assert "it carries passages of papers, which may not leave the owner's machines" in message
    # What only the hosted one could do is refused for the same reason.
    status, code, _, message = error(await scene.post(CHAT, asked(response_format={"type": "json_object"})))
    assert (status, code) == (400, "structured_output_not_supported")
    assert "Hosted capacity could, but it carries passages of papers" in message
    assert provider.asked == 0
    here = await scene.post(CHAT, asked(max_tokens=10))
    assert (here.status, here.headers["x-kanoa-tier"]) == (200, "local")
    assert json.loads(here.text)["grounding"]["shareable"] is False


async def test_one_private_store_among_several_is_enough(scene: Door, provider: FakeProvider) -> None:
    tools = [search("papers", "shared")]
    assert error(await scene.post(CHAT, asked(tools=tools), headers=REQUIRED))[1] == "burst_not_allowed"
    assert provider.asked == 0


async def test_shareable_passages_may_leave(scene: Door, provider: FakeProvider) -> None:
    answer = await scene.post(CHAT, asked(tools=SHARED, max_tokens=10), headers=REQUIRED)
    assert (answer.status, said(answer), provider.refused) == (200, "hosted", [])
    assert json.loads(answer.text)["grounding"]["shareable"] is True
    assert provider.asked == 1


async def test_where_nothing_was_found_nothing_is_kept_from_leaving(scene: Door) -> None:
    assert said(await scene.post(CHAT, asked("zymurgy?", max_tokens=10), headers=REQUIRED)) == "hosted"


async def test_several_rounds_stay_here(scene: Door, provider: FakeProvider) -> None:
    auto = asked(tools=SHARED, grounding={"mode": "auto"})
    assert "asked several times" in error(await scene.post(CHAT, auto, headers=REQUIRED))[3]
    assert provider.asked == 0


async def test_the_books_count_the_passages(scene: Door, engine: FakeEngine, office: Office) -> None:
    """The engine counts what it gets; where it does not, the gateway's guess has the passages in it."""
    engine.always = "cut between events"
    await scene.post(CHAT, asked(stream=True))
    [cut] = office.totals(Dimension.TIER)
    assert cut.prompt_tokens == len(engine.received[0].body) // 4
    assert DRIFT.encode() in engine.received[0].body
