"""Entries in the database: once each, in order, added up in any way."""

from __future__ import annotations

from dataclasses import fields

import pytest

from kanoa_mlops.gateway.books.budget import Cap, Payer, Period
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.books.spending import Spent
from kanoa_mlops.gateway.books.totals import Dimension, Total
from tests.gateway.books.making import DAY, HOUR, NOON, entry
from tests.gateway.books.places import Stored, execute, requests


def test_a_whole_entry_is_kept(store: Stored) -> None:
    whole = entry("a", micro=42, estimated=True, status=502, first_token_ms=None)
    store.write([whole])
    names = [each.name for each in fields(Entry) if each.name != "reservation"]
    (row,) = execute(store, f"SELECT {', '.join(names)} FROM entries")
    assert row == tuple(getattr(whole, name) for name in names)


def test_in_order_and_once_each(store: Stored) -> None:
    store.write([entry("c", micro=1), entry("a", micro=10), entry("c", micro=100)])
    store.write([entry("a", micro=1000), entry("b", micro=10_000)])
    assert requests(store) == ["c", "a", "b"]
    assert store.booked("2026-11-28", NOON).spent == [Spent("2026-11-28", "anna", "local-1", 10_011)]


def test_an_entry_takes_the_place_of_its_reservation_and_pays_on_its_day(store: Stored) -> None:
    made = Reservation("r", NOON, "anna", "groq", 500)
    assert store.reserve(made, [Cap(Payer.KEY, Period.DAY, 500)]) is None
    assert store.booked("2026-11-28", NOON).reservations == [made]
    store.write([entry(at=NOON + DAY, backend="groq", micro=300, reservation=made)])
    booked = store.booked("2026-11-01", NOON + DAY)
    assert (booked.reservations, booked.spent) == ([], [Spent("2026-11-28", "anna", "groq", 300)])


def test_a_reservation_is_given_back_once(store: Stored) -> None:
    made = Reservation("r", NOON, "anna", "groq", 500)
    store.reserve(made, [])
    store.write([made, made, entry(reservation=made)])
    assert store.booked("2026-11-28", NOON).reservations == []
    assert store.booked("2026-11-28", NOON).spent == []


def test_a_reservation_that_nobody_settles_lapses_after_an_hour(store: Stored) -> None:
    made = Reservation("r", NOON, "anna", "groq", 500)
    store.reserve(made, [])
    cap = Cap(Payer.ALL, Period.DAY, 500)
    assert store.booked("2026-11-28", NOON + HOUR - 1).reservations == [made]
    assert store.reserve(Reservation("s", NOON + HOUR - 1, "ben", "groq", 1), [cap]) is not None
    assert store.booked("2026-11-28", NOON + HOUR).reservations == []
    assert store.reserve(Reservation("s", NOON + HOUR, "ben", "groq", 500), [cap]) is None
    store.write([entry(micro=499, backend="groq", reservation=made)])
    assert store.booked("2026-11-28", NOON).spent == [Spent("2026-11-28", "anna", "groq", 499)], (
        "still paid for"
    )


def test_a_clock_that_was_ahead_drops_nothing_for_good(store: Stored) -> None:
    cap = Cap(Payer.ALL, Period.DAY, 500)
    store.reserve(Reservation("r", NOON, "anna", "groq", 500), [])
    assert store.reserve(Reservation("ahead", NOON + 300 * DAY, "anna", "groq", 0), [cap]) is None
    assert store.reserve(Reservation("s", NOON + 1, "ben", "groq", 1), [cap]) is not None
    store.reserve(Reservation("later", NOON + 365 * DAY, "anna", "groq", 0), [])
    assert store.reserve(Reservation("t", NOON + 1, "ben", "groq", 1), [cap]) is None, "a year is a year"


@pytest.mark.parametrize(
    ("cap", "counted"),
    [
        (Cap(Payer.KEY, Period.DAY, 0), 0b0011),
        (Cap(Payer.KEY, Period.MONTH, 0), 0b0111),
        (Cap(Payer.BACKEND, Period.DAY, 0), 0b1010),
        (Cap(Payer.ALL, Period.DAY, 0), 0b1011),
    ],
    ids=lambda value: f"{value.payer} {value.period}" if isinstance(value, Cap) else "",
)
def test_what_counts_against_a_cap(store: Stored, cap: Cap, counted: int) -> None:
    store.write(
        [
            entry("a", key="anna", backend="cerebras", micro=0b0001),
            entry("b", key="anna", backend="groq", micro=0b0010),
            entry("c", key="anna", backend="groq", micro=0b0100, at=NOON - DAY),
            entry("d", key="ben", backend="groq", micro=0b1000),
        ]
    )
    for limit in (counted, counted + 1):
        made = Reservation(f"{limit}", NOON, "anna", "groq", 1)
        refusal = store.reserve(made, [Cap(cap.payer, cap.period, limit)])
        assert (refusal is None) == (limit > counted)


def test_what_is_added_up_by_what(store: Stored) -> None:
    store.write(
        [
            entry("a", at=NOON, model="x", tier="local", prompt_tokens=1, completion_tokens=10),
            entry(
                "b", at=NOON + DAY, model="x", tier="local", prompt_tokens=2, completion_tokens=20, status=503
            ),
            entry(
                "c",
                at=NOON + DAY,
                model="y",
                tier="hosted",
                key="ben",
                backend="groq",
                micro=7,
                estimated=True,
            ),
        ]
    )
    everything = (0.0, NOON + 9 * DAY)
    assert store.totals([Dimension.DAY], *everything) == [
        Total(("2026-11-28",), 1, 0, 1, 10, 0, 0),
        Total(("2026-11-29",), 2, 1, 102, 40, 1, 7),
    ]
    assert store.totals([Dimension.MODEL, Dimension.TIER], *everything) == [
        Total(("x", "local"), 2, 1, 3, 30, 0, 0),
        Total(("y", "hosted"), 1, 0, 100, 20, 1, 7),
    ]
    assert [each.group for each in store.totals(list(Dimension), *everything)] == [
        ("2026-11-28", "x", "anna", "local", "local-1"),
        ("2026-11-29", "x", "anna", "local", "local-1"),
        ("2026-11-29", "y", "ben", "hosted", "groq"),
    ]
    assert [each.requests for each in store.totals([Dimension.KEY], NOON, NOON + DAY)] == [1], (
        "the end excluded"
    )
    assert store.totals([Dimension.DAY], NOON + 2 * DAY, NOON + 3 * DAY) == []


def test_an_engine_that_counts_nonsense_breaks_no_sum(store: Stored) -> None:
    store.write([entry(f"{n}", prompt_tokens=10**30, completion_tokens=2**63) for n in range(100)])
    (total,) = store.totals([Dimension.MODEL], 0.0, NOON + 1)
    assert total.requests == 100
    assert total.prompt_tokens == total.completion_tokens == 100 * 2**40
