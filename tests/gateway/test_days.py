"""Days of UTC, whatever the machine's zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway.days import day_of, month_of, next_day, next_month


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "day", "following", "month"),
    [
        ("2026-11-28T23:59:59.999", "2026-11-28", "2026-11-29", "2026-12-01"),
        ("2026-11-29T00:00:00", "2026-11-29", "2026-11-30", "2026-12-01"),
        ("2026-12-31T12:00:00", "2026-12-31", "2027-01-01", "2027-01-01"),
        ("2028-02-29T00:00:00", "2028-02-29", "2028-03-01", "2028-03-01"),
        ("2027-01-31T00:00:00", "2027-01-31", "2027-02-01", "2027-02-01"),
    ],
)
def test_days_and_months(now: str, day: str, following: str, month: str) -> None:
    assert day_of(at(now)) == day
    assert month_of(at(now)) == day[:8] + "01"
    assert next_day(at(now)) == at(following)
    assert next_month(at(now)) == at(month)


@given(st.floats(min_value=0, max_value=4e9))
def test_the_next_ones_are_the_next(now: float) -> None:
    assert day_of(now) < day_of(next_day(now)) <= day_of(next_month(now))
    assert 0 < next_day(now) - now <= 86400
    assert month_of(now) < month_of(next_month(now)) == day_of(next_month(now))
    assert month_of(next_month(now) - 1) == month_of(now)
