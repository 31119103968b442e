"""The thread that keeps the books."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.clerk import Clerk
from kanoa_mlops.gateway.books.key import new_key
from kanoa_mlops.gateway.books.totals import Dimension
from tests.gateway.books.making import NOON, entry
from tests.gateway.books.places import Stored, execute, hold, let_go, opened


@pytest.fixture
def store(where: str) -> Iterator[Stored]:
    store = opened(where, patience=0.01)
    yield store
    store.close()


def until(true: Callable[[], object]) -> None:
    """The test's own limit of time ends it where it never is."""
    while not true():
        time.sleep(0.01)


def count(store: Stored) -> int:
    return sum(total.requests for total in store.totals([Dimension.MODEL], 0.0, NOON + 1))


def test_what_is_recorded_is_written_and_what_others_do_is_seen(store: Stored, other: Stored) -> None:
    books = Books(store)
    clerk = Clerk(books)
    clerk.start()
    books.record(entry("a"))
    until(lambda: count(other) == 1)
    key, text = new_key("ben", NOON)
    other.add_key(key)
    until(lambda: books.keyring.find(text))
    assert clerk.stop() == 0


def test_all_is_written_at_the_end(store: Stored, other: Stored) -> None:
    books = Books(store)
    clerk = Clerk(books, period=3600.0)
    clerk.start()
    for number in range(2500):
        books.record(entry(f"{number}"))
    assert clerk.stop() == 0
    assert count(other) == 2500
    assert "books" not in [thread.name for thread in threading.enumerate()]


def test_what_cannot_be_written_at_the_end_is_told(
    store: Stored, other: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    books = Books(store)
    clerk = Clerk(books, period=0.01)
    clerk.start()
    hold(other)
    books.record(entry("a", micro=1))
    assert clerk.stop(patience=0.05) == 1
    assert caplog.records[-1].message == "1 entries of the ledger were not written and are lost."
    let_go(other)


def test_a_disk_that_is_well_again_before_the_end_gets_all(store: Stored, other: Stored) -> None:
    books = Books(store)
    clerk = Clerk(books, period=0.01)
    clerk.start()
    hold(other)
    books.record(entry("a", micro=1))
    until(lambda: books.condition().trouble)
    threading.Timer(0.2, let_go, [other]).start()
    assert clerk.stop(patience=60.0) == 0
    assert count(other) == 1


def test_a_fault_of_ours_does_not_end_it(
    store: Stored, other: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    books = Books(store)
    clerk = Clerk(books, period=0.01)
    clerk.start()
    execute(other, "ALTER TABLE keys RENAME TO hidden")
    other.write([entry("b", micro=1)])
    until(lambda: "The books could not be kept for a moment." in caplog.messages)
    execute(other, "ALTER TABLE hidden RENAME TO keys")
    books.record(entry("a"))
    until(lambda: count(other) == 2)
    clerk.stop()
