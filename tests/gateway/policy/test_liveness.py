"""An engine that works is never taken for stuck, and one that is stuck is found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kanoa_mlops.gateway.counters.counters import EngineCounters
from kanoa_mlops.gateway.policy.liveness import Bounds, Sight, Verdict, follow, judge, shows_life

IDLE = EngineCounters(0, 0, 0.0, 0, 0, 0)
"""vLLM before it has read a first piece."""
LLAMA = EngineCounters(1, 0, None, 7926, 169, None, 184)
OLLAMA = EngineCounters()

_amounts = st.none() | st.floats(0, 1e9)
_counters = st.builds(
    EngineCounters, _amounts, _amounts, st.none() | st.floats(0, 1), _amounts, _amounts, _amounts, _amounts
)
_sights = st.builds(
    Sight,
    st.floats(0, 1e6),
    st.none() | st.sampled_from([IDLE, LLAMA, OLLAMA]) | _counters,
    st.integers(0, 3),
    st.integers(0, 2),
)
_TOKENS = ("prompt_tokens_total", "generation_tokens_total")


def waited(seconds: float, counters: EngineCounters | None, now: EngineCounters | None) -> Verdict:
    """What is thought of it after as long, with a request in flight all the time and not a byte."""
    return judge(Sight(0, counters, 1), Sight(seconds, now, 1))


@given(_sights, _sights)
def test_never_stuck_where_nothing_is_in_flight(then: Sight, now: Sight) -> None:
    assume(not (then.in_flight and now.in_flight))
    assert judge(then, now).liveness == "alive"


@given(_sights, _sights)
def test_never_stuck_where_tokens_moved_or_bytes_came(then: Sight, now: Sight) -> None:
    def tokens(sight: Sight) -> tuple[float | None, ...]:
        return tuple(getattr(sight.counters, name, None) for name in _TOKENS)

    pairs = list(zip(tokens(then), tokens(now), strict=True))
    moved = any(before != after for before, after in pairs if before is not None and after is not None)
    assume(moved or then.received_bytes != now.received_bytes)
    assert judge(then, now).liveness == "alive"


@given(_sights, st.floats(0, 1e6), st.integers(1, 5))
def test_where_nothing_moves_it_is_stuck_in_the_end(then: Sight, seconds: float, waiting: int) -> None:
    assume(then.in_flight)
    now = replace(then, at=then.at + seconds, in_flight=waiting)
    verdict = judge(then, now)
    if now.at - then.at >= Bounds().prompt:
        assert verdict.liveness == "stuck"
    if now.at - then.at < Bounds().piece:
        assert verdict.liveness != "stuck"


@given(st.lists(_sights.map(lambda sight: replace(sight, at=0.0)), min_size=2), st.data())
def test_silence_is_counted_from_the_last_sign_of_life(sights: list[Sight], data: st.DataObject) -> None:
    steps = st.floats(0, 200)
    at, then, quiet_since = 0.0, sights[0], 0.0
    for sight in sights[1:]:
        at += data.draw(steps)
        now = replace(sight, at=at)
        verdict = judge(then, now)
        if shows_life(then, now) or not (then.in_flight and now.in_flight):
            quiet_since = at
        if verdict.liveness == "stuck":
            assert at - quiet_since >= Bounds().piece
        then = follow(then, now)


def test_a_long_prompt_on_a_processor_is_waited_for() -> None:
    # Recorded: for 73 s vLLM counted nothing, and its cache filled every 8 s.
    then, waits = Sight(0, IDLE, 1), 0.0
    for piece in range(1, 10):
        now = Sight(piece * 8.0, replace(IDLE, running=1, kv_cache_usage=piece / 135), 1)
        assert judge(then, now) == Verdict("alive", "it produces")
        then, waits = follow(then, now), now.at
    assert then.at == waits


def test_llama_cpp_is_alive_with_each_pass() -> None:
    assert waited(400, LLAMA, replace(LLAMA, steps_total=185)).liveness == "alive"
    assert waited(400, LLAMA, LLAMA).liveness == "stuck"


@pytest.mark.parametrize(
    ("counters", "suspicious", "stuck"),
    [
        (IDLE, 30, 300),
        (LLAMA, 30, 300),
        # Moves at the end of a prompt, or not at all.
        (EngineCounters(prompt_tokens_total=5, generation_tokens_total=5), 30, 540),
        (OLLAMA, 30, 540),
        (None, 30, 540),
    ],
)
def test_how_long_silence_may_last(counters: EngineCounters | None, suspicious: float, stuck: float) -> None:
    for seconds, liveness in [
        (suspicious - 0.1, "alive"),
        (suspicious, "suspicious"),
        (stuck - 0.1, "suspicious"),
        (stuck, "stuck"),
    ]:
        assert waited(seconds, counters, counters).liveness == liveness


def test_an_engine_that_others_keep_busy_is_alive_whether_we_wait_or_not() -> None:
    others = replace(IDLE, running=2, generation_tokens_total=900)
    assert waited(1000, IDLE, others).liveness == "alive"
    assert judge(Sight(0, others, 0), Sight(1000, others, 0)).liveness == "alive"


def test_an_engine_that_no_longer_tells_its_counters_is_given_the_longest() -> None:
    assert waited(400, LLAMA, None).liveness == "suspicious"
    assert waited(540, LLAMA, None).liveness == "stuck"


def test_what_moved_before_the_first_counters_is_not_known() -> None:
    first = Sight(290, IDLE, 1)
    then = follow(Sight(0, None, 1), first)
    assert then == first
    assert judge(then, Sight(310, IDLE, 1)).liveness == "alive"


def test_counters_that_went_back_are_those_of_an_engine_that_began_anew() -> None:
    assert waited(1000, LLAMA, replace(LLAMA, prompt_tokens_total=0, steps_total=0)).liveness == "alive"


@pytest.mark.parametrize(
    ("counters", "reason"),
    [
        (LLAMA, "it says it is well, and for 600 s produced nothing for 2 requests; it says it runs 1"),
        (OLLAMA, "it says it is well, and for 600 s produced nothing for 2 requests"),
        (None, "it says it is well, and for 600 s produced nothing for 2 requests, nor tells its counters"),
    ],
)
def test_the_reason_says_what_was_seen(counters: EngineCounters | None, reason: str) -> None:
    assert judge(Sight(0, counters, 1), Sight(600, counters, 2)) == Verdict("stuck", reason)
