"""The books as a whole: what is exact at once, what survives, and what a bad disk does."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from kanoa_mlops.errors import BooksBusy
from kanoa_mlops.gateway.books.books import Books, Condition
from kanoa_mlops.gateway.books.budget import Cap, Payer, Period
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.key import new_key
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.books.spending import Sum
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.gateway.books.totals import Dimension
from tests.gateway.books.making import DAY, NOON, entry
from tests.gateway.books.places import (
    NO_TABLE,
    Stored,
    are_others,
    execute,
    hold,
    let_go,
    opened,
    requests,
)

ALL = Cap(Payer.ALL, Period.DAY, 1000)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(where: str) -> Iterator[Stored]:
    store = opened(where, patience=0.01)
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def books(store: Stored, clock: Clock) -> Books:
    return Books(store, clock=clock)


def set_aside(found: Reservation | Refusal) -> Reservation:
    assert isinstance(found, Reservation), found
    return found


def refused(found: Reservation | Refusal) -> Refusal:
    assert isinstance(found, Refusal), found
    return found


def fill(store: Stored) -> None:
    """No page more: SQLite's own 'disk is full', and what Postgres says then."""
    if isinstance(store, SqliteStore):
        ((pages,),) = execute(store, "PRAGMA page_count")
        execute(store, f"PRAGMA max_page_count = {pages}")
        return
    raising = "BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END"
    execute(store, f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$")
    execute(store, "CREATE TRIGGER full_disk BEFORE INSERT ON entries EXECUTE FUNCTION full_disk()")


def make_room(store: Stored) -> None:
    if isinstance(store, SqliteStore):
        execute(store, "PRAGMA max_page_count = 1000000")
    else:
        execute(store, "DROP TRIGGER full_disk ON entries")


def test_in_the_sums_at_once_in_the_database_at_the_next_tick(books: Books, other: Stored) -> None:
    books.record(entry("a", micro=300))
    assert books.under(ALL) == Sum(300, 0)
    assert requests(other) == []
    assert books.condition() == Condition(unwritten=1, lost=0, trouble="")
    books.tick()
    assert requests(other) == ["a"]
    assert books.under(ALL) == Sum(300, 0)
    assert books.condition() == Condition(unwritten=0, lost=0, trouble="")


def test_a_restart_knows_what_was_spent_and_what_is_set_aside(books: Books, where: str, clock: Clock) -> None:
    books.record(entry("a", micro=300))
    made = set_aside(books.reserve(200, [ALL], backend="groq"))
    again = Books(opened(where), clock=clock)
    assert again.under(ALL) == Sum(300, 200)
    assert refused(again.reserve(501, [ALL], backend="groq")).limit is Limit.ALL_DAY
    set_aside(again.reserve(500, [ALL], backend="groq"))
    again.release(made)
    assert again.under(ALL) == Sum(300, 500)
    again._store.close()


def test_what_costs_more_than_was_set_aside_counts_before_anything_else_is(books: Books) -> None:
    made = set_aside(books.reserve(100, [ALL], backend="groq"))
    books.record(entry("a", micro=900, backend="groq", reservation=made))
    assert refused(books.reserve(101, [ALL], backend="groq")).limit is Limit.ALL_DAY
    set_aside(books.reserve(100, [ALL], backend="groq"))


def test_what_is_left_is_the_least_that_is_left_anywhere(books: Books) -> None:
    caps = [ALL, Cap(Payer.KEY, Period.DAY, 400), Cap(Payer.BACKEND, Period.MONTH, 700)]
    assert books.left([]) is None
    assert books.left(caps, key="anna", backend="groq") == 400
    books.record(entry("a", key="ben", backend="groq", micro=350))
    set_aside(books.reserve(10, caps, key="anna", backend="groq"))
    assert books.left(caps, key="anna", backend="groq") == 340
    assert books.left(caps, key="anna", backend="cerebras") == 390
    books.record(entry("b", key="ben", backend="cerebras", micro=9000))
    assert books.left(caps, key="anna", backend="groq") == 0


def test_what_is_released_can_be_spent(books: Books) -> None:
    made = set_aside(books.reserve(1000, [ALL], backend="groq"))
    refused(books.reserve(1, [ALL], backend="groq"))
    books.release(made)
    set_aside(books.reserve(1000, [ALL], backend="groq"))


def test_a_budget_is_renewed_at_midnight_and_by_no_clock_that_goes_back(books: Books, clock: Clock) -> None:
    books.record(entry("a", micro=1000))
    for back in (1, DAY, 400 * DAY):
        clock.now = NOON - back
        books.tick()
        refused(books.reserve(1, [ALL], backend="groq"))
        assert books.under(ALL) == Sum(1000, 0)
    clock.now = NOON + DAY / 2
    assert books.under(ALL) == Sum(0, 0), "without a tick"
    set_aside(books.reserve(1000, [ALL], backend="groq"))


def test_a_month_that_begins_anew_and_is_gone_back_from(books: Books, clock: Clock) -> None:
    month = Cap(Payer.ALL, Period.MONTH, 1000)
    books.record(entry("a", micro=600))
    clock.now = NOON + 3 * DAY
    books.tick()
    assert books.under(month) == Sum(0, 0)
    clock.now = NOON
    books.tick()
    assert books.under(month) == Sum(600, 0)


def test_what_had_lapsed_by_a_clock_that_was_ahead_counts_again(
    books: Books, other: Stored, clock: Clock
) -> None:
    set_aside(books.reserve(600, [ALL], backend="groq"))
    clock.now = NOON + 2 * 3600
    other.add_key(new_key("ben", NOON)[0])
    books.tick()
    assert books.under(ALL) == Sum(0, 0)
    clock.now = NOON + 1
    books.tick()
    assert books.under(ALL) == Sum(0, 600)


def test_a_key_that_another_process_made_or_revoked_is_known_at_the_next_tick(
    books: Books, other: Stored
) -> None:
    key, text = new_key("ben", NOON)
    other.add_key(key)
    books.tick()
    assert books.keyring.find(text) == key
    other.revoke_key(key.id, NOON + 1)
    books.tick()
    found = books.keyring.find(text)
    assert found is not None
    assert found.standing(NOON) == "revoked"


def test_a_full_disk_keeps_counting_in_memory_and_catches_up_in_order(
    books: Books, store: Stored, other: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fill(store)
    names = [f"{number:04}" for number in range(2500)]
    for name in names:
        books.record(entry(name, micro=1, backend="groq" * 20))
        books.tick() if int(name) % 500 == 0 else None
    condition = books.condition()
    assert len(caplog.messages) == 1, "it is told once"
    assert caplog.messages[0].startswith(condition.trouble)
    assert condition.trouble.endswith("cannot grow: the disk is full.")
    assert condition.unwritten + len(requests(other)) == 2500
    assert condition.unwritten > 1000
    assert books.under(ALL) == Sum(2500, 0)
    caplog.clear()
    refusal = refused(books.reserve(0, [], backend="groq"))
    assert (refusal.limit, refusal.retry_after_ms) == (Limit.BOOKS, 1000)
    assert "database" not in refusal.message, "clients learn nothing of this machine's files"
    assert caplog.messages == [f"Nothing can be spent. {condition.trouble}"]
    make_room(store)
    books.tick()
    assert requests(other) == names
    assert books.condition() == Condition(0, 0, "")
    assert caplog.messages[1:] == ["The ledger is written again; 0 entries are lost."]


def test_others_that_hold_the_database_hold_up_nothing(books: Books, other: Stored) -> None:
    hold(other)
    books.record(entry("a", micro=5))
    books.tick()
    assert books.condition().trouble.endswith("is held by another process.")
    assert books.under(ALL) == Sum(5, 0)
    assert refused(books.reserve(1, [ALL], backend="groq")).limit is Limit.BOOKS
    let_go(other)
    books.tick()
    assert requests(other) == ["a"]
    assert books.condition() == Condition(0, 0, "")


def test_a_key_revoked_by_others_is_seen_while_nothing_can_be_written(
    books: Books, store: Stored, other: Stored
) -> None:
    key, text = new_key("ben", NOON)
    other.add_key(key)
    books.record(entry("a", micro=1))
    hold(other)
    books.tick()
    assert books.condition().unwritten == 1
    assert books.keyring.find(text) == key
    let_go(other)


def test_what_was_written_without_our_knowing_is_not_written_twice(
    store: Stored, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails after it has written, as where the answer to COMMIT is lost."""
    write, fails = store.write, iter([True, True, True])

    def forgetful(items: Sequence[Entry | Reservation]) -> None:
        write(items)
        if next(fails, False):
            raise BooksBusy("Nobody knows.")

    monkeypatch.setattr(store, "write", forgetful)
    books = Books(store, clock=clock)
    made = set_aside(books.reserve(900, [ALL], backend="groq"))
    books.record(entry("a", micro=400, reservation=made))
    books.record(entry("b"))
    for _ in range(4):
        books.tick()
    assert requests(store) == ["a", "b"]
    assert Books(store, clock=clock).under(ALL) == Sum(400, 0)


def test_one_that_cannot_be_written_does_not_stand_in_the_way(
    books: Books, other: Stored, caplog: pytest.LogCaptureFixture
) -> None:
    books.record(entry("a"))
    books.record(entry("b", status=2**70))
    books.record(entry("c", model="\udcff"))
    books.record(entry("d"))
    books.tick()
    assert requests(other) == ["a", "d"]
    assert books.condition() == Condition(unwritten=0, lost=2, trouble="")
    assert [record.message[:48] for record in caplog.records] == [
        "This cannot be booked and is left out: Entry(req"
    ] * 2


def test_memory_is_bounded_and_money_is_not_forgotten(store: Stored, clock: Clock) -> None:
    books = Books(store, clock=clock, capacity=3)
    made = set_aside(books.reserve(900, [ALL], backend="groq"))
    for number in range(10):
        books.record(entry(f"free {number}"))
    books.record(entry("paid", micro=7))
    books.record(entry("settled", reservation=made))
    assert books.condition() == Condition(unwritten=5, lost=7, trouble="")
    assert books.under(ALL) == Sum(7, 0)
    books.tick()
    assert requests(store) == ["free 0", "free 1", "free 2", "paid", "settled"]
    books.record(entry("free again"))
    assert books.condition().unwritten == 1


def test_what_another_process_spends_is_known_at_the_next_tick(
    books: Books, where: str, clock: Clock
) -> None:
    elsewhere = Books(opened(where), clock=clock)
    books.record(entry("mine", micro=1))
    made = set_aside(elsewhere.reserve(20, [ALL], backend="groq"))
    elsewhere.record(entry("theirs", micro=300))
    elsewhere.tick()
    books.tick()
    assert books.under(ALL) == Sum(301, 20)
    elsewhere.release(made)
    elsewhere.tick()
    books.tick()
    assert books.under(ALL) == Sum(301, 0)
    elsewhere._store.close()


def test_a_look_that_failed_is_made_up_for(books: Books, store: Stored, other: Stored) -> None:
    key, text = new_key("ben", NOON)
    other.add_key(key)
    execute(store, "ALTER TABLE keys RENAME TO hidden")
    with pytest.raises(NO_TABLE):
        books.tick()
    execute(store, "ALTER TABLE hidden RENAME TO keys")
    books.tick()
    assert books.keyring.find(text) == key


def test_killed_in_the_midst_of_it_the_sums_are_those_of_the_entries(where: str) -> None:
    program = (
        "import os\n"
        "from kanoa_mlops.gateway.books.books import Books\n"
        "from tests.gateway.books.making import NOON, entry\n"
        "from tests.gateway.books.places import opened\n"
        "books = Books(opened(os.environ['WHERE']), clock=lambda: NOON)\n"
        "for number in range(10**9):\n"
        "    made = books.reserve(3, [], backend='groq')\n"
        "    books.record(entry(made.id, backend='groq', micro=2, reservation=made))\n"
        "    if number % 3 == 0: books.tick()\n"
        "    if number == 100: print('well under way', flush=True)\n"
    )
    environment = {**os.environ, "WHERE": where}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"well under way\n"
        writer.kill()
    store = opened(where)
    while are_others(store):
        time.sleep(0.01)
    (total,) = store.totals([Dimension.BACKEND], 0.0, NOON + 1)
    assert total.requests >= 100
    books = Books(store, clock=lambda: NOON)
    assert books.under(ALL).spent == total.micro == 2 * total.requests
    assert books.under(ALL).reserved in (0, 3, 6, 9), "what it had not settled still counts"
    store.close()


@pytest.mark.parametrize("processes", [1, 3], ids=["one gateway", "three gateways"])
def test_many_at_once_never_get_more_than_a_cap_allows(where: str, clock: Clock, processes: int) -> None:
    """Threads, with real ones' timing; each spends all it set aside."""
    gateways = [Books(opened(where, patience=30.0), clock=clock) for _ in range(processes)]
    caps = [ALL, Cap(Payer.KEY, Period.DAY, 400)]
    granted: list[Reservation] = []
    begin = threading.Barrier(8)

    def spend(number: int) -> None:
        books, key = gateways[number % processes], f"key {number % 2}"
        begin.wait()
        for attempt in range(20):
            found = books.reserve(7 + number, caps, key=key, backend="groq")
            if isinstance(found, Refusal):
                assert found.limit is not Limit.BOOKS
                continue
            granted.append(found)
            if attempt % 3:
                books.record(entry(found.id, key=key, backend="groq", micro=found.micro, reservation=found))
            books.tick() if attempt % 4 == 0 else None

    threads = [threading.Thread(target=spend, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for books in gateways:
        books.tick()
    for key in ("key 0", "key 1"):
        spent = sum(each.micro for each in granted if each.key == key)
        assert 400 - 14 < spent <= 400, "all that could be, and no more"
    for books in gateways:
        books.tick()
        assert books.under(ALL).committed == sum(each.micro for each in granted)
    held = gateways[0]._store
    paid = sum(total.micro for total in held.totals([Dimension.KEY], 0, NOON + DAY))
    assert paid == gateways[0].under(ALL).spent
    for books in gateways:
        books._store.close()
