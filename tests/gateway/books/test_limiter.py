"""Limits of a key: never more than it may have, and what is said of the future is true."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kanoa_mlops.gateway.books.bucket import Bucket
from kanoa_mlops.gateway.books.key import Key, KeyLimits
from kanoa_mlops.gateway.books.limiter import Admission, Limiter
from kanoa_mlops.gateway.books.refusal import Limit, Refusal

MINUTE = 60_000_000  # microseconds
gaps = st.lists(st.integers(min_value=0, max_value=2 * MINUTE) | st.just(0), min_size=1, max_size=60)
rates = st.integers(min_value=1, max_value=10) | st.sampled_from([7, 60, 61, 999, 1_000_000])


def key(
    id: str = "0badcafe",
    *,
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    parallel: int | None = None,
) -> Key:
    limits = KeyLimits(requests_per_minute, tokens_per_minute, parallel)
    return Key(id, "anna", b"", 0.0, limits=limits)


def seconds(microseconds: int) -> float:
    return microseconds / 1e6


def let_in(found: Admission | Refusal) -> Admission:
    assert isinstance(found, Admission), found
    return found


def refused(found: Admission | Refusal) -> Refusal:
    assert isinstance(found, Refusal)
    return found


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=100), gaps)
def test_no_window_holds_more_requests_than_the_bucket_and_its_refill(
    per_minute: int, gaps: list[int]
) -> None:
    limiter, anna = Limiter(), key(requests_per_minute=per_minute)
    times = list(accumulate(gaps))
    many = []
    for now in times:
        many.append(0)
        while isinstance(limiter.admit(anna, seconds(now)), Admission):
            many[-1] += 1
    assert many[0] == per_minute, "the bucket is full at first"
    for first, begin in enumerate(times):
        for last, end in enumerate(times[first:], first):
            assert sum(many[first : last + 1]) * MINUTE <= per_minute * (MINUTE + end - begin)


@settings(deadline=None)
@given(rates, gaps, st.integers(min_value=1, max_value=5))
def test_a_bucket_is_what_a_bucket_in_fractions_is(per_minute: int, gaps: list[int], most: int) -> None:
    """Against the same thing said without cleverness."""
    limiter = Limiter()
    level, now = Fraction(per_minute), 0
    for gap in gaps:
        now += gap
        level = min(Fraction(per_minute), level + Fraction(gap * per_minute, MINUTE))
        for _ in range(most):
            admitted = isinstance(limiter.admit(key(requests_per_minute=per_minute), seconds(now)), Admission)
            assert admitted == (level >= 1)
            level -= admitted


@settings(deadline=None)
@given(rates, rates, gaps, st.lists(st.integers(min_value=0, max_value=5000), min_size=1), st.data())
def test_asking_when_told_succeeds_and_a_millisecond_before_fails(
    requests: int, tokens: int, gaps: list[int], sizes: list[int], data: st.DataObject
) -> None:
    limiter, now = Limiter(), data.draw(st.integers(min_value=0, max_value=10**13))
    anna = key(requests_per_minute=requests, tokens_per_minute=tokens)
    for number, gap in enumerate(gaps):
        now += gap
        found = limiter.admit(anna, seconds(now))
        if isinstance(found, Admission):
            found.end(seconds(now), sizes[number % len(sizes)])
            continue
        assert found.limit in (Limit.REQUESTS, Limit.TOKENS)
        assert found.retry_after_ms is not None
        assert found.retry_after_ms > 0
        told = now + found.retry_after_ms * 1000
        refused(limiter.admit(anna, seconds(told - 1000)))
        let_in(limiter.admit(anna, seconds(told))).end(seconds(told), sizes[0])
        now = told


@settings(deadline=None)
@given(rates, gaps, st.lists(st.integers(min_value=0, max_value=10**6), min_size=1))
def test_whoever_owes_tokens_waits_until_they_are_paid_for(
    per_minute: int, gaps: list[int], sizes: list[int]
) -> None:
    """Before each that is let in, what was charged is less than the bucket and its refill."""
    limiter, now, charged, anna = Limiter(), 0, 0, key(tokens_per_minute=per_minute)
    for number, gap in enumerate(gaps):
        now += gap
        found = limiter.admit(anna, seconds(now))
        if isinstance(found, Admission):
            assert charged + 1 <= per_minute + Fraction(now * per_minute, MINUTE)
            charged += sizes[number % len(sizes)]
            found.end(seconds(now), sizes[number % len(sizes)])


def test_tokens_are_charged_after_the_answer() -> None:
    limiter, anna = Limiter(), key(tokens_per_minute=60)
    first, second = (let_in(limiter.admit(anna, 0.0)) for _ in range(2))
    first.end(0.0, 90)
    refusal = refused(limiter.admit(anna, 0.0))
    assert (refusal.limit, refusal.retry_after_ms) == (Limit.TOKENS, 31_000)
    assert refusal.message == "The key 'anna' may have 60 tokens a minute."
    second.end(10.0, 60)
    assert refused(limiter.admit(anna, 10.0)).retry_after_ms == 81_000


def test_time_before_the_charge_refills_no_more_than_the_bucket_holds() -> None:
    limiter, anna = Limiter(), key(tokens_per_minute=60)
    long = let_in(limiter.admit(anna, 0.0))
    long.end(3600.0, 100)
    assert refused(limiter.admit(anna, 3600.0)).retry_after_ms == 41_000


def test_so_many_at_the_same_time() -> None:
    limiter, anna = Limiter(), key(parallel=2)
    first, _ = (let_in(limiter.admit(anna, 0.0)) for _ in range(2))
    refusal = refused(limiter.admit(anna, 1e6))
    assert (refusal.limit, refusal.retry_after_ms) == (Limit.PARALLEL, None)
    assert refusal.message == "The key 'anna' may have 2 requests at the same time."
    first.end(1e6)
    first.end(1e6)
    let_in(limiter.admit(anna, 1e6))
    refused(limiter.admit(anna, 1e6))


def test_one_that_is_refused_uses_up_nothing() -> None:
    limiter, anna = Limiter(), key(requests_per_minute=1, parallel=1)
    let_in(limiter.admit(anna, 0.0)).end(0.0)
    for _ in range(100):
        assert refused(limiter.admit(anna, 30.0)).retry_after_ms == 30_000
    let_in(limiter.admit(anna, 60.0))


def test_the_longest_wait_is_told() -> None:
    limiter, anna = Limiter(), key(requests_per_minute=1, tokens_per_minute=10)
    let_in(limiter.admit(anna, 0.0)).end(0.0, 30)
    refusal = refused(limiter.admit(anna, 0.0))
    assert (refusal.limit, refusal.retry_after_ms) == (Limit.TOKENS, 126_000)
    assert refused(limiter.admit(key(requests_per_minute=1), 0.0)).retry_after_ms == 60_000


def test_keys_do_not_share() -> None:
    limiter = Limiter()
    let_in(limiter.admit(key("a", requests_per_minute=1), 0.0))
    refused(limiter.admit(key("a", requests_per_minute=1), 0.0))
    let_in(limiter.admit(key("b", requests_per_minute=1), 0.0))
    let_in(limiter.admit(key("c"), 0.0))


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    limiter, anna = Limiter(), key(requests_per_minute=2)
    for _ in range(2):
        let_in(limiter.admit(anna, 1000.0))
    for now, wait in ((0.0, 1_030_000), (500.0, 530_000), (1000.0, 30_000), (1029.9, 100)):
        assert refused(limiter.admit(anna, now)).retry_after_ms == wait
    let_in(limiter.admit(anna, 1030.0))


def test_a_limit_that_was_changed_holds_at_once() -> None:
    limiter = Limiter()
    for _ in range(10):
        let_in(limiter.admit(key(requests_per_minute=100), 0.0))
    let_in(limiter.admit(key(requests_per_minute=1), 0.0))
    assert refused(limiter.admit(key(requests_per_minute=1), 0.0)).retry_after_ms == 60_000
    let_in(limiter.admit(key(), 0.0))


def test_what_no_longer_matters_is_forgotten_and_nothing_else() -> None:
    limiter = Limiter()
    running = let_in(limiter.admit(key("running", parallel=1), 0.0))
    let_in(limiter.admit(key("owing", tokens_per_minute=1), 0.0)).end(0.0, 10**9)
    for number in range(100_000):
        let_in(limiter.admit(key(f"{number}", requests_per_minute=2), number / 10)).end(number / 10)
        assert len(limiter) <= 1024 + 600
    refused(limiter.admit(key("running", parallel=1), 1e4))
    refused(limiter.admit(key("owing", tokens_per_minute=1), 1e4))
    running.end(1e4)
    let_in(limiter.admit(key("running", parallel=1), 1e4))


@pytest.mark.parametrize(
    "limits", [(0,), (None, 0), (None, None, 0), (None, None, None, -1), (None, None, None, None, -1)]
)
def test_limits_that_allow_nothing_are_no_limits(limits: tuple[int | None, ...]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|below zero"):
        KeyLimits(*limits)  # type: ignore[arg-type]


def test_a_full_bucket_is_a_new_one() -> None:
    bucket = Bucket(5, 0)
    assert bucket.is_full(0)
    bucket.take(1)
    assert not bucket.is_full(MINUTE // 5 - 1)
    assert bucket.is_full(MINUTE // 5)
