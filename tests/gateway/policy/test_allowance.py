"""A provider's limits are kept, and kept over a restart."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway.policy.allowance import LIMITS, Allowance, Limit, restored
from kanoa_mlops.gateway.policy.backend import State
from kanoa_mlops.gateway.policy.moment import Moment
from tests.gateway.policy.make import a_backend, an_ask

NOON = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
GROQ: dict[Limit, int] = {
    "requests_per_minute": 30,
    "requests_per_day": 1000,
    "tokens_per_minute": 8000,
    "tokens_per_day": 200_000,
}


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def spent(times: int, tokens: int, limits: dict[Limit, int] = GROQ, wall: datetime = NOON) -> Allowance:
    allowance = Allowance(limits)
    for _ in range(times):
        allowance = allowance.charged(tokens, wall)
    return allowance


def test_what_fits_is_let_through_and_what_does_not_waits_for_the_refill() -> None:
    allowance = spent(3, 2500)
    assert allowance.admits(500, NOON)
    assert not allowance.admits(501, NOON)
    # 2500 more need 2000 tokens to refill, at 8000 a minute.
    assert allowance.next_at(2500, NOON) == later(15)
    assert allowance.next_at(2500, later(10)) == later(15)
    assert allowance.admits(2500, later(15))


def test_requests_are_counted_as_well_as_tokens() -> None:
    allowance = spent(30, 10)
    assert not allowance.admits(10, NOON)
    assert allowance.next_at(10, NOON) == later(2)


def test_a_day_ends_at_midnight_utc() -> None:
    allowance = spent(20, 100, {"requests_per_day": 20})
    assert allowance.next_at(1, NOON) == datetime(2026, 11, 27, tzinfo=UTC)
    assert not allowance.admits(1, datetime(2026, 11, 26, 23, 59, 59, tzinfo=UTC))
    assert allowance.admits(1, datetime(2026, 11, 27, tzinfo=UTC))


def test_what_is_larger_than_a_limit_is_never_let_through() -> None:
    assert Allowance(GROQ).next_at(8001, NOON) is None
    assert Allowance(GROQ).largest == 8000
    assert Allowance({"requests_per_minute": 5}).largest is None
    assert Allowance({}).admits(10**9, NOON)


def test_what_the_provider_counted_takes_the_place_of_what_was_charged() -> None:
    allowance = spent(1, 8000)
    assert not allowance.admits(1, NOON)
    assert allowance.settled(8000, 3000, NOON).admits(5000, NOON)
    assert not allowance.settled(8000, 3000, NOON).admits(5001, NOON)
    assert not allowance.settled(8000, 9000, later(1)).admits(1, later(1))
    # A request stays a request.
    one = spent(1, 10, {"requests_per_minute": 1, "tokens_per_minute": 100})
    assert not one.settled(10, 0, NOON).admits(1, NOON)


def test_a_restart_changes_nothing() -> None:
    allowance = spent(7, 1000).charged(300, later(0.123456))
    saved = json.loads(json.dumps(allowance.saved()))
    assert restored(GROQ, saved) == allowance


def test_after_a_restart_new_limits_hold_for_what_was_used() -> None:
    saved = spent(20, 1000).saved()
    raised = restored({"requests_per_day": 50, "tokens_per_minute": 100_000}, saved)
    assert raised.next_at(1, NOON) == NOON
    lowered = restored({"requests_per_day": 10}, saved)
    assert lowered.next_at(1, NOON) == datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    "saved", [{}, {"at": "yesterday"}, {"at": NOON.isoformat(), "tokens_per_day": "many"}, {"at": 5.0}]
)
def test_what_was_not_saved_by_us_is_refused(saved: dict[str, float | str]) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        restored(GROQ, saved)


def test_a_clock_set_back_gives_nothing_and_locks_nothing() -> None:
    allowance = spent(1, 8000, wall=NOON + timedelta(days=365))
    assert allowance.next_at(8000, NOON) == later(60)
    assert allowance.charged(0, NOON).admits(8000, later(60))
    daily = spent(1, 1, {"requests_per_day": 1}, wall=NOON + timedelta(days=365))
    assert not daily.admits(1, NOON)
    assert daily.charged(1, NOON).admits(1, NOON + timedelta(days=1))


def test_a_backend_is_limited_until_there_is_room_for_this_request() -> None:
    backend, moment = a_backend("h", "hosted"), Moment(500.0, NOON)
    allowance = spent(1, 7000)
    small = an_ask(prompt_tokens=500, max_answer_tokens=500)
    large = an_ask(prompt_tokens=1000, max_answer_tokens=3000)
    never = an_ask(prompt_tokens=9000)
    assert allowance.applied(backend, small, moment) == backend
    limited = allowance.applied(backend, large, moment)
    assert limited.state == State("rate_limited", "its limits are reached", 522.5)
    assert not allowance.applied(backend, never, moment).able(never)
    down = a_backend("h", "hosted", state=State("down"))
    assert allowance.applied(down, large, moment) == down


COURSES = st.lists(st.tuples(st.floats(0, 200_000), st.integers(0, 60)), min_size=1, max_size=40)
SOME_LIMITS = st.dictionaries(st.sampled_from(LIMITS), st.integers(1, 100), min_size=1)


@given(SOME_LIMITS, COURSES)
def test_no_limit_is_passed_and_the_time_told_is_true(
    limits: dict[Limit, int], course: list[tuple[float, int]]
) -> None:
    """Whoever waits for the time told is let through, and no day and no minute holds more than it may."""
    allowance, wall = Allowance(limits), NOON
    sent: list[tuple[datetime, int]] = []
    for passed, tokens in course:
        wall += timedelta(seconds=passed)
        at = allowance.next_at(tokens, wall)
        if at is None:
            assert any(name.startswith("tokens") and tokens > limit for name, limit in limits.items())
            continue
        assert wall <= at <= wall + timedelta(days=1)
        wall = at
        assert allowance.admits(tokens, wall)
        allowance = restored(limits, allowance.charged(tokens, wall).saved())
        sent.append((wall, tokens))
    for name, limit in limits.items():
        amounts = [(time, tokens if name.startswith("tokens") else 1) for time, tokens in sent]
        for start, _ in amounts:
            if name.endswith("day"):
                assert sum(amount for time, amount in amounts if time.date() == start.date()) <= limit + 0.1
            else:
                minute = [amount for time, amount in amounts if start <= time < start + timedelta(minutes=1)]
                # A full bucket, and what refills meanwhile.
                assert sum(minute) <= 2 * limit + 0.1
