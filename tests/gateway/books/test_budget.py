"""Whether money may be spent, as values."""

from __future__ import annotations

from datetime import UTC, datetime

from kanoa_mlops.gateway.books.budget import Cap, Payer, Period, caps_of, first_day, refuse
from kanoa_mlops.gateway.books.key import KeyLimits, new_key
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from tests.gateway.books.making import NOON

DAY = Cap(Payer.KEY, Period.DAY, 1_000_000)
MONTH = Cap(Payer.ALL, Period.MONTH, 9_000_000)


ANEW = " The next day begins at 2026-11-29 00:00 UTC."


def asked(micro: int, spent: int, *caps: Cap) -> Refusal | None:
    return refuse(caps, lambda cap: spent, micro, NOON)


def test_up_to_the_last_millionth() -> None:
    assert asked(400_000, 600_000, DAY) is None
    refusal = asked(400_001, 600_000, DAY)
    assert refusal is not None
    assert refusal.limit is Limit.KEY_DAY
    assert refusal.message == "This key may cost $1.00 a day, and this request could exceed it." + ANEW
    assert refusal.retry_after_ms == 12 * 3600 * 1000, "at midnight, UTC"


def test_what_costs_nothing_is_free_until_more_was_spent_than_allowed() -> None:
    assert asked(0, 1_000_000, DAY) is None
    assert asked(0, 1_000_001, DAY) is not None


def test_more_than_a_whole_cap_is_never_allowed() -> None:
    refusal = asked(1_000_001, 0, DAY)
    assert refusal is not None
    assert refusal.retry_after_ms is None


def test_the_longest_wait_is_told() -> None:
    refusal = asked(1, 9_000_000, DAY, MONTH)
    assert refusal is not None
    assert refusal.limit is Limit.ALL_MONTH
    wait = datetime(2026, 12, 1, tzinfo=UTC).timestamp() - NOON
    assert refusal.retry_after_ms == wait * 1000
    never = asked(1_000_001, 9_000_000, DAY, MONTH)
    assert never is not None
    assert (never.limit, never.retry_after_ms) == (Limit.KEY_DAY, None)


def test_every_cap_has_a_name_for_its_refusal() -> None:
    for payer in Payer:
        for period in Period:
            refusal = asked(2, 0, Cap(payer, period, 1))
            assert refusal is not None
            assert refusal.limit == f"{payer}_dollars_per_{period}"


def test_the_caps_of_a_key() -> None:
    both, _ = new_key("anna", 0.0, limits=KeyLimits(micro_per_day=1, micro_per_month=0))
    assert caps_of(both) == (Cap(Payer.KEY, Period.DAY, 1), Cap(Payer.KEY, Period.MONTH, 0))
    assert caps_of(new_key("ben", 0.0)[0]) == ()


def test_a_day_and_a_month_begin_in_utc() -> None:
    assert first_day(Period.DAY, NOON) == "2026-11-28"
    assert first_day(Period.MONTH, NOON) == "2026-11-01"
