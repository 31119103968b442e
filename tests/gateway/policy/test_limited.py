"""Every form in which a provider says when to come again, as seen in the wild."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway.policy.limited import is_daily, limited_until
from kanoa_mlops.gateway.policy.moment import Moment
from kanoa_mlops.gateway.policy.outcome import Outcome

MOMENT = Moment(500.0, datetime(2026, 11, 26, 20, 0, 0, tzinfo=UTC))
OPENROUTER_MILLISECONDS = str(int(datetime(2026, 11, 27, tzinfo=UTC).timestamp() * 1000))


def refused(message: str = "Rate limit reached", **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Outcome(429, headers=named, body=json.dumps({"error": {"message": message}}).encode())


def seconds(outcome: Outcome) -> float | None:
    until = limited_until(outcome, MOMENT)
    return None if until is None else (until - MOMENT.wall).total_seconds()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("Thu, 26 Nov 2026 20:02:00 GMT", 120),
        ("Thu, 26 Nov 2026 19:00:00 GMT", 0),
        ("2m59.56s", 179.56),
        ("", None),
        ("soon", None),
        ("Thu, 26 Nov 2026 20:02:00 +999999999999", None),
        ("-3", None),
        ("0", None),
    ],
)
def test_retry_after(text: str, expected: float | None) -> None:
    assert seconds(refused(retry_after=text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7.66s", 7.66),
        ("2m59.56s", 179.56),
        ("6m0s", 360),
        ("150ms", 0.15),
        ("4h17m", 15420),
        ("1d2h", 93600),
        ("33011.382867", 33011.382867),
        (OPENROUTER_MILLISECONDS, 4 * 3600),
        (OPENROUTER_MILLISECONDS[:-3], 4 * 3600),
        ("9" * 18, None),
        ("9999999999d", None),
        ("tomorrow", None),
    ],
)
def test_how_resets_are_written(text: str, expected: float | None) -> None:
    assert seconds(refused(x_ratelimit_reset_tokens=text)) == pytest.approx(expected)


def test_the_standard_header_counts_before_the_others() -> None:
    assert seconds(refused(retry_after="3", x_ratelimit_reset_requests="2m59.56s")) == 3


def test_of_several_limits_the_used_up_one_counts() -> None:
    groq = {
        "x_ratelimit_remaining_requests": "900",
        "x_ratelimit_reset_requests": "2h24m",
        "x_ratelimit_remaining_tokens": "0",
        "x_ratelimit_reset_tokens": "7.66s",
    }
    assert seconds(refused(**groq)) == 7.66
    # Where each has something left, as when a request is larger than what is: the first that begins anew.
    assert seconds(refused(**groq | {"x_ratelimit_remaining_tokens": "12"})) == 7.66
    both = groq | {"x_ratelimit_remaining_requests": "0"}
    assert seconds(refused(**both)) == 2.4 * 3600


def test_a_limit_of_the_day_by_name() -> None:
    cerebras = refused(
        x_ratelimit_remaining_requests_day="0",
        x_ratelimit_reset_requests_day="14400.5",
        x_ratelimit_remaining_tokens_minute="60000",
        x_ratelimit_reset_tokens_minute="11.38",
    )
    assert is_daily(cerebras)
    assert seconds(cerebras) == 14400.5


def test_a_limit_of_the_day_counts_before_one_of_the_minute() -> None:
    both = refused(
        x_ratelimit_remaining_requests_day="0", x_ratelimit_remaining_tokens_minute="0", retry_after="11"
    )
    assert is_daily(both)
    assert seconds(both) == 4 * 3600


def test_openrouters_headers_are_in_its_error() -> None:
    error = {
        "message": "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model "
        "requests per day",
        "code": 429,
        "metadata": {
            "headers": {
                "X-RateLimit-Limit": "50",
                "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset": OPENROUTER_MILLISECONDS,
            }
        },
    }
    outcome = Outcome(429, body=json.dumps({"error": error}).encode())
    assert is_daily(outcome)
    assert limited_until(outcome, MOMENT) == datetime(2026, 11, 27, tzinfo=UTC)


def test_a_limit_of_the_day_lasts_until_midnight_where_it_says_no_more() -> None:
    spent = "Rate limit reached for model `openai/gpt-oss-120b` on tokens per day (TPD): Limit 200000"
    assert seconds(refused(spent)) == 4 * 3600
    # A pause of some seconds is what a library adds to each 429; 460 s is Groq's own.
    assert seconds(refused(spent, retry_after="5")) == 4 * 3600
    assert seconds(refused(spent, retry_after="460")) == 460


@pytest.mark.parametrize(
    ("message", "daily"),
    [
        ("free-models-per-day-high-balance", True),
        ("You exceeded your daily quota", True),
        ("on requests per day (RPD)", True),
        ("on tokens per minute (TPM)", False),
        ("try again the day after", False),
    ],
)
def test_what_is_daily(message: str, daily: bool) -> None:
    assert is_daily(refused(message)) is daily


@given(
    st.dictionaries(
        st.sampled_from(
            ["retry-after", "x-ratelimit-reset", "x-ratelimit-reset-tokens-day", "x-ratelimit-remaining"]
        ),
        st.text("0123456789.smhd:- \x00é", max_size=20),
    ),
    st.binary(max_size=40),
)
def test_nothing_a_provider_sends_breaks_it(headers: dict[str, str], body: bytes) -> None:
    until = limited_until(Outcome(429, headers=headers, body=body), MOMENT)
    assert until is None or until.tzinfo is not None


def test_a_moment_knows_both_clocks() -> None:
    assert MOMENT.on(MOMENT.wall + timedelta(hours=1)) == 4100
    assert MOMENT.midnight() == datetime(2026, 11, 27, tzinfo=UTC)
    assert MOMENT.next_month() == datetime(2026, 12, 1, tzinfo=UTC)
    assert Moment(0, datetime(2026, 12, 31, 23, 59, tzinfo=UTC)).next_month() == datetime(
        2027, 1, 1, tzinfo=UTC
    )
    assert Moment(0, datetime(2027, 1, 31, tzinfo=UTC)).next_month() == datetime(2027, 2, 1, tzinfo=UTC)
