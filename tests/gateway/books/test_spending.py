"""Sums in memory."""

from __future__ import annotations

from kanoa_mlops.gateway.books.budget import Cap, Payer, Period
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.books.spending import Booked, Spending, Spent, Sum
from tests.gateway.books.making import DAY, HOUR, NOON, entry

TODAY = Cap(Payer.KEY, Period.DAY, 0)
MONTH = Cap(Payer.KEY, Period.MONTH, 0)
MADE = Reservation("r", NOON, "anna", "groq", 500)


def today(spending: Spending, now: float = NOON) -> Sum:
    return spending.under(TODAY, now, key="anna")


def test_from_aside_to_spent() -> None:
    spending = Spending()
    spending.reserve(MADE)
    assert today(spending) == Sum(0, 500)
    assert today(spending).committed == 500
    spending.settle(entry(micro=300, backend="groq", reservation=MADE))
    assert today(spending) == Sum(300, 0)
    spending.settle(MADE)
    assert today(spending) == Sum(300, 0), "what was settled cannot be given back"


def test_by_key_by_backend_and_in_all() -> None:
    spending = Spending(
        Booked([Spent("2026-11-28", "anna", "groq", 1), Spent("2026-11-28", "ben", "groq", 10)], [MADE])
    )
    spending.settle(entry(key="ben", backend="cerebras", micro=100))
    assert spending.under(TODAY, NOON, key="ben") == Sum(110, 0)
    assert spending.under(Cap(Payer.BACKEND, Period.DAY, 0), NOON, backend="groq") == Sum(11, 500)
    assert spending.under(Cap(Payer.ALL, Period.DAY, 0), NOON) == Sum(111, 500)
    assert spending.under(TODAY, NOON, key="nobody") == Sum(0, 0)


def test_over_midnight() -> None:
    """A day begins anew; what was set aside the day before stays that day's."""
    spending = Spending(Booked([Spent("2026-11-28", "anna", "groq", 1)]))
    late = Reservation("r", NOON + 11.99 * HOUR, "anna", "groq", 500)
    spending.reserve(late)
    after = NOON + 12 * HOUR
    assert today(spending, after - 1) == Sum(1, 500)
    assert today(spending, after) == Sum(0, 0)
    spending.settle(entry(at=after, micro=499, backend="groq", reservation=late))
    assert today(spending, after) == Sum(0, 0)
    assert today(spending, after - 1) == Sum(500, 0)
    assert spending.under(MONTH, after, key="anna") == Sum(500, 0)
    assert spending.under(MONTH, NOON + 3 * DAY, key="anna") == Sum(0, 0), "December"


def test_a_clock_that_goes_back_renews_nothing() -> None:
    spending = Spending()
    spending.settle(entry(micro=500))
    spending.reserve(MADE)
    for back in (HOUR, DAY, 40 * DAY, 1000 * DAY):
        assert today(spending, NOON - back) == Sum(500, 500)


def test_what_nobody_settles_lapses() -> None:
    spending = Spending()
    spending.reserve(MADE)
    assert today(spending, NOON + HOUR - 1).reserved == 500
    assert today(spending, NOON + HOUR).reserved == 0
    spending.settle(entry(micro=400, reservation=MADE))
    assert today(spending, NOON + HOUR) == Sum(400, 0)
