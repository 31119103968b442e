"""What a request met, and what that makes of the backend."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway.policy.backend import READY, State
from kanoa_mlops.gateway.policy.moment import Moment
from kanoa_mlops.gateway.policy.outcome import Outcome
from kanoa_mlops.gateway.policy.standing import Standing

WALL = datetime(2026, 11, 26, 20, 0, 0, tzinfo=UTC)
OK = Outcome(200)
LATE = Outcome(fault="late")
REFUSED = Outcome(fault="connect")
NEW = Standing()


def at(now: float) -> Moment:
    return Moment(now, WALL + timedelta(seconds=now))


def after(*outcomes: Outcome, now: float = 0.0, jitter: float = 0.5) -> Standing:
    standing = NEW
    for outcome in outcomes:
        standing = standing.after(outcome, at(now), jitter)
    return standing


def answer(status: int, error: object = "", **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Outcome(status, headers=named, body=json.dumps({"error": error}).encode())


# The breaker.


def test_no_connection_opens_at_once_and_other_failures_when_they_repeat() -> None:
    assert after(REFUSED).state == State("down", "not reached", 2.0)
    for failure in (LATE, Outcome(fault="cut"), Outcome(fault="stalled"), Outcome(502), Outcome(504)):
        assert after(failure, failure).state == READY
        assert after(failure, failure, failure).state.kind == "down"


def test_an_answer_between_failures_keeps_it_closed() -> None:
    assert after(LATE, LATE, OK, LATE, LATE).state == READY
    # A refusal is an answer, too.
    assert after(LATE, LATE, Outcome(400), LATE, LATE).state == READY


def test_an_engine_that_blames_itself_for_a_wrong_request_moves_nothing() -> None:
    assert after(*[Outcome(500)] * 10) == NEW
    assert after(LATE, LATE, Outcome(500), LATE).state.kind == "down"


def test_it_is_tried_by_one_when_its_time_is_over_and_opens_for_longer_when_that_fails() -> None:
    standing, now, opened = after(REFUSED), 0.0, []
    for _ in range(10):
        assert standing.under(READY, now)[0].kind == "down"
        assert standing.state.until is not None
        opened.append(standing.state.until - now)
        now = standing.state.until
        assert standing.under(READY, now) == (READY, True)
        standing = standing.after(LATE, at(now), 0.5)
    assert opened == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert standing.after(OK, at(now), 0.5) == NEW


def test_jitter_spreads_the_trials() -> None:
    assert after(REFUSED, jitter=0).state.until == 1.5
    assert after(REFUSED, jitter=1).state.until == 2.5


def test_many_that_fail_together_open_it_once() -> None:
    assert after(*[REFUSED] * 100) == after(REFUSED)


def test_a_restart_forgets_failures_and_not_what_a_provider_said() -> None:
    assert after(REFUSED).revived() == NEW
    assert after(answer(402)).revived().state.kind == "exhausted"


# Limits and money.


def test_a_limit_lasts_as_long_as_it_says_and_is_no_failure() -> None:
    standing = after(LATE, LATE, answer(429, "slow down", retry_after="7"), LATE)
    assert standing.state == State("rate_limited", "its limit is reached", 7.0, "slow down")
    assert standing.under(READY, 6.9)[0].kind == "rate_limited"
    assert standing.under(READY, 7.0) == (READY, False)


def test_a_limit_of_the_day_lasts_until_midnight() -> None:
    state = after(answer(429, {"message": "free-models-per-day"}, retry_after="5")).state
    words = "free-models-per-day"
    assert state == State("rate_limited", "its limit of the day is reached", 4 * 3600.0, words)


def test_a_limit_without_a_time_lasts_longer_each_time() -> None:
    pauses: list[float] = []
    standing = NEW
    for _ in range(8):
        standing = standing.after(answer(429), at(1000.0 * len(pauses)), 0.5)
        assert standing.state.until is not None
        pauses.append(standing.state.until - 1000.0 * len(pauses))
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]


def test_after_a_good_answer_limits_are_short_again() -> None:
    standing = NEW
    for now in (0.0, 100.0, 200.0):
        standing = standing.after(answer(429), at(now), 0.5)
    assert standing.state.until == 220
    # One that began before does not count, one after the limit does.
    assert standing.after(OK, at(210), 0.5).after(answer(429), at(300), 0.5).state.until == 340
    assert standing.after(OK, at(230), 0.5).after(answer(429), at(300), 0.5).state.until == 305


def test_headers_of_limits_that_come_with_everything_make_no_402_and_no_503_a_short_one() -> None:
    groq = {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "7.66s"}
    assert after(answer(402, **groq)).state.kind == "exhausted"
    assert after(*[answer(503, **groq)] * 3).state.kind == "down"


def test_a_longer_limit_is_not_shortened_by_another_nor_by_an_answer_that_was_on_its_way() -> None:
    daily, short = answer(429, "per day"), answer(429, retry_after="2")
    assert after(daily, short).state == after(daily).state
    assert after(daily, OK).state == after(daily).state
    assert after(short, daily).state == after(daily).state


@pytest.mark.parametrize("outcome", [answer(402), answer(429, {"code": "insufficient_quota"})])
def test_without_money_it_is_asked_once_an_hour(outcome: Outcome) -> None:
    standing = after(outcome)
    assert standing.state.kind == "exhausted"
    assert standing.state.until == 3600
    assert after(outcome, OK, answer(429, retry_after="1"), REFUSED).state == standing.state
    assert standing.under(READY, standing.state.until) == (READY, False)


def test_huggingfaces_words_are_told() -> None:
    words = "You have exceeded your monthly included credits for Inference Providers."
    assert after(answer(402, words)).state.told == f"HTTP 402: {words}"


def test_openrouters_budget_for_requests_in_flight_is_a_limit_that_passes() -> None:
    error = {"message": "in flight", "metadata": {"reason": "in_flight_budget_exhausted"}}
    assert after(answer(402, error, retry_after="3")).state == State(
        "rate_limited", "HTTP 402", 3.0, "in flight"
    )


def test_a_single_request_that_costs_too_much_says_nothing_about_others() -> None:
    error = {"message": "too large", "metadata": {"reason": "weight_exceeds_budget"}}
    assert after(answer(402, error)) == NEW


@pytest.mark.parametrize(
    ("resets", "until"), [("2026-11-27T00:00:00Z", 4 * 3600), ("soon", 3600), (None, 3600)]
)
def test_a_spent_budget_of_openrouter_is_no_refused_key(resets: str | None, until: float) -> None:
    metadata = {"limit_source": "openrouter_key_limit", "resets_at": resets}
    state = after(answer(403, {"message": "budget", "metadata": metadata})).state
    assert state == State("exhausted", "HTTP 403", until, "budget")


def test_a_model_that_is_no_longer_served_is_not_asked_for_again_soon() -> None:
    body = b'{"title": "Gone", "detail": "The model has reached its end of life."}'
    assert after(Outcome(410, body=body)).state == State(
        "down", "HTTP 410", 300, "The model has reached its end of life."
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_no_failure_and_stays_until_somebody_acts(status: int) -> None:
    standing = after(answer(status, {"message": "Invalid API Key"}))
    assert standing.state == State("auth_error", f"HTTP {status}")
    assert after(answer(status), OK, answer(402), REFUSED).state.kind == "auth_error"
    assert standing.under(READY, 1e9)[0].kind == "auth_error"


def test_a_prompt_that_was_flagged_says_nothing_about_the_key() -> None:
    flagged = answer(403, {"message": "moderation", "metadata": {"flagged_input": "…", "reasons": ["x"]}})
    assert after(flagged) == NEW


# 503: full, loading, or broken.


@pytest.mark.parametrize(
    "error",
    [
        {"message": "The engine is currently busy and cannot accept new requests. Please try again later."},
        {"message": "The engine has reached its prefill token backlog limit."},
        {"message": "Worker local total request limit reached", "type": "ResourceExhausted"},
    ],
)
def test_a_full_engine_is_busy_and_not_down(error: dict[str, str]) -> None:
    assert after(*[answer(503, error)] * 5).state == State("busy", "its own queue is full", 2.0)


def test_a_503_that_says_when_is_busy_until_then() -> None:
    assert after(answer(503, retry_after="9")).state == State("busy", "its own queue is full", 9.0)


def test_llama_cpp_that_loads_is_loading() -> None:
    assert after(answer(503, {"message": "Loading model", "code": 503})).state.kind == "loading"


def test_a_503_without_a_reason_is_a_failure() -> None:
    assert after(*[Outcome(503)] * 3).state == State("down", "HTTP 503", 2.0)


# With what the health check says.


def test_health_counts_where_it_is_not_ready_and_requests_where_it_is() -> None:
    loading = State("loading", "reads weights")
    assert after(REFUSED).under(loading, 0) == (loading, False)
    assert after(REFUSED).under(READY, 0)[0].kind == "down"
    assert NEW.under(READY, 0) == (READY, False)


OUTCOMES = st.one_of(
    st.sampled_from([OK, LATE, REFUSED, Outcome(fault="cut"), answer(429, retry_after="3"), answer(429)]),
    st.integers(100, 599).map(Outcome),
    st.builds(Outcome, st.integers(400, 599), body=st.binary(max_size=30)),
)


@given(st.lists(st.tuples(OUTCOMES, st.floats(0, 1000), st.floats(0, 1)), max_size=30))
def test_whatever_comes_it_is_clear_when_it_is_tried_again(
    course: list[tuple[Outcome, float, float]],
) -> None:
    standing, now = NEW, 0.0
    for outcome, passed, jitter in course:
        now += passed
        standing = standing.after(outcome, at(now), jitter)
        state = standing.state
        assert (state.until is None) == (state.kind in ("ready", "auth_error"))
        if state.kind != "auth_error":
            assert standing.under(READY, state.until or now)[0] == READY
