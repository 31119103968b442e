"""Stores that fail, hang, or are not the client's to see."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from kanoa_mlops.errors import BadFilter, KanoaError, RetrieverFailed
from kanoa_mlops.gateway.grounded.searching import Searching
from kanoa_mlops.gateway.grounded.wish import read_wish
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.grounding.archive import OWNER
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.library import Bound, Library
from kanoa_mlops.grounding.local.archive import LocalArchive
from kanoa_mlops.grounding.types import Passage
from tests.fakes.reciting import RecitingEngine
from tests.gateway.conftest import Door, OpenDoor, backend
from tests.gateway.grounded.conftest import CHAT, asked, error, put, search
from tests.gateway.test_leaving import until
from tests.gateway.test_reception import Office, bearer, office

__all__ = ["office"]  # the fixture
ANNOTATED = {"on_error": "annotate"}


class Broken:
    """A connector whose provider says no."""

    name = "wiki"

    def __init__(self, failure: KanoaError) -> None:
        self.failure = failure

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        raise self.failure


class Hanging:
    """A connector whose provider never answers."""

    name = "wiki"

    def __init__(self) -> None:
        self.asked, self.enough = threading.Event(), threading.Event()

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        self.asked.set()
        self.enough.wait(30)
        return ()


@pytest.fixture
async def broken(reciter: RecitingEngine, open_door: OpenDoor, archive: LocalArchive) -> Door:
    put(archive, "papers", "The sensor drift in May.")
    failed = RetrieverFailed("The wiki refused: 401.", hint="Set its key.")
    bound = {"wiki": Bound(Broken(failed)), "odd": Bound(Broken(BadFilter("The wiki cannot say 'nin'.")))}
    return await open_door(backend(reciter.url), library=Library(archive, bound=bound))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("nobody", (404, "vector_store_not_found", "tools[0].vector_store_ids")),
        ("wiki", (502, "retrieval_failed", "tools[0].vector_store_ids")),
        ("odd", (400, "invalid_value", "tools[0].filters")),
    ],
)
async def test_a_failure_is_an_error(
    broken: Door, reciter: RecitingEngine, store: str, expected: tuple[int, str, str], stream: bool
) -> None:
    answer = await broken.post(CHAT, asked(tools=[search("papers", store)], stream=stream))
    status, code, param, message = error(answer)
    assert (status, code, param) == expected
    assert answer.headers["x-grounding-status"] == "failed"
    assert "401" in message or store != "wiki"
    assert reciter.received == []


@pytest.mark.parametrize(
    ("stores", "status"), [(("papers", "wiki"), "partial"), (("wiki",), "failed"), (("nobody",), "failed")]
)
async def test_a_failure_can_be_a_note(broken: Door, stores: tuple[str, ...], status: str) -> None:
    answer = await broken.post(CHAT, asked(tools=[search(*stores)], grounding=ANNOTATED))
    assert (answer.status, answer.headers["x-grounding-status"]) == (200, status)
    [told] = json.loads(answer.text)["grounding"]["errors"]
    assert told["store"] == stores[-1]
    assert told["message"]


async def test_who_leaves_ends_the_wait(
    reciter: RecitingEngine, open_door: OpenDoor, archive: LocalArchive
) -> None:
    hanging = Hanging()
    door = await open_door(
        backend(reciter.url), library=Library(archive, bound={"wiki": Bound(hanging)}, seconds=20)
    )
    asking = asyncio.create_task(door.post(CHAT, asked(tools=[search("wiki")])))
    await until(hanging.asked.is_set)
    asking.cancel()
    await until(lambda: not door.app.in_flight._running)
    hanging.enough.set()
    assert reciter.received == []


async def test_a_long_search_is_heard_of(
    reciter: RecitingEngine, open_door: OpenDoor, archive: LocalArchive
) -> None:
    hanging = Hanging()
    door = await open_door(
        backend(reciter.url),
        library=Library(archive, bound={"wiki": Bound(hanging)}),
        silent_seconds=0.05,
        heartbeat_seconds=0.05,
    )
    body = asked(tools=[search("wiki")], stream=True)
    async with door.session.post(door.url + CHAT, json=body) as response:
        assert await response.content.readline() == b": searching the documents\n"
        hanging.enough.set()
        rest = (await response.read()).decode()
    assert '"status":"no_results"' in rest
    assert rest.endswith("data: [DONE]\n\n")


async def test_one_that_keeps_no_time_is_given_up() -> None:
    class Slow:
        def search(self, *_: Any, **__: Any) -> Any:
            enough.wait(30)

    enough = threading.Event()
    searching = Searching(Slow(), seconds=0.1)
    wish, _ = read_wish(asked())
    assert wish is not None
    outcome = await searching.search(wish.searches, "drift", OWNER)
    enough.set()
    searching.close()
    [(store, failure, _)] = outcome.failures
    assert (store, failure.message) == ("papers", "papers did not answer within 0.1 s.")


async def test_a_collection_of_somebody_else_is_none(
    reciter: RecitingEngine, open_door: OpenDoor, archive: LocalArchive, office: Office
) -> None:
    mine, theirs = office.key("ada"), office.key("eve")
    [ada] = [key for key in office.store.all_keys() if key.name == "ada"]
    secret = put(archive, "secret", "The sensor drift is a secret.", owner=ada.id)
    door = await open_door(
        backend(reciter.url),
        library=Library(archive),
        reception=Reception(office.books, key_required=True),
    )
    for name in ("secret", secret):
        body = asked(tools=[search(name)])
        assert (await door.post(CHAT, body, headers=bearer(mine))).status == 200
        refused = await door.post(CHAT, body, headers=bearer(theirs))
        other = await door.post(CHAT, asked(tools=[search(f"{name}x")]), headers=bearer(theirs))
        assert error(refused)[:3] == (404, "vector_store_not_found", "tools[0].vector_store_ids")
        assert error(refused)[3].replace(name, "") == error(other)[3].replace(f"{name}x", "")
        noted = await door.post(CHAT, body | {"grounding": ANNOTATED}, headers=bearer(theirs))
        assert noted.headers["x-grounding-status"] == "failed"
        assert "is a secret" not in noted.text + json.dumps(reciter.received[-1])
