"""What requests met at a backend, and what that makes of it: ready, limited, out of money, refused or down.

A breaker guards against what does not answer: after some failures it opens, for longer each time, and lets
one request try when that time is over. What answers, however it refuses, does not move the breaker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from kanoa_mlops.gateway.policy.backend import READY, State
from kanoa_mlops.gateway.policy.limited import is_daily, limited_until, retry_after
from kanoa_mlops.gateway.policy.moment import Moment
from kanoa_mlops.gateway.policy.outcome import Outcome

_GONE = 410  # NVIDIA, for a model that it no longer serves
_FAILING = (408, _GONE, 502, 503, 504)
_OPENS_AFTER = 3  # failures in a row; without a connection at once
_FIRST_OPEN_SECONDS, _LONGEST_OPEN_SECONDS = 2.0, 300.0
_FIRST_LIMIT_SECONDS, _LONGEST_LIMIT_SECONDS = 5.0, 300.0  # where a 429 says no time
_UNPAID_PAUSE = timedelta(hours=1)  # where a 402 says no time
_BUSY_SECONDS = 2.0
# vLLM 0.32 on its limits of queued requests and tokens; NVIDIA's ResourceExhausted.
_BUSY = re.compile(r"currently busy|backlog limit|resource ?exhausted", re.IGNORECASE)
# llama.cpp
_LOADING = re.compile(r"loading model", re.IGNORECASE)
_LONGEST_REASON = 200  # characters of a provider's own words


@dataclass(frozen=True)
class Standing:
    """Frozen; what a request meets makes a new one."""

    state: State = READY
    failures: int = 0
    """In a row."""
    trips: int = 0
    """How often the breaker opened since it last answered."""
    limits: int = 0
    """How often it said 429 since it last answered well."""

    def under(self, health: State, now: float) -> tuple[State, bool]:
        """How it stands, and whether it is on trial.

        Args:
            health: what its health check or whoever runs it says; `READY` where there is none. Where that is
                not ready, it counts; a backend that says it is ready is what requests found it to be.
        """
        if health.kind != "ready":
            return health, False
        if self.state.until is None or now < self.state.until:
            return self.state, False
        return READY, self.state.kind == "down"

    def revived(self) -> Standing:
        """The engine was started anew: what its predecessor did is forgotten, what a provider said is not."""
        forgotten = self.state.kind in ("down", "busy", "loading", "unknown")
        return Standing(READY if forgotten else self.state)

    def after(self, outcome: Outcome, moment: Moment, jitter: float) -> Standing:
        """How it stands after a request.

        Args:
            jitter: from 0 to 1, drawn anew each time, so that not all who wait come back at once.
        """
        if self.state.kind == "auth_error":
            return self  # until somebody sets another key
        if outcome.status in (401, 403) and not _is_flagged(outcome) and not _is_unpaid(outcome):
            return replace(
                self, state=State("auth_error", f"HTTP {outcome.status}")
            )  # words may hold the key
        if self.state.kind == "exhausted" and self._lasts(moment):
            return self
        if _is_unpaid(outcome):
            return self._unpaid(outcome, moment)
        if outcome.status == 429:
            return self._limited(outcome, moment, jitter)
        if outcome.status == 503 and (hold := _hold(outcome, moment)):
            return Standing(hold)
        if outcome.fault or outcome.status in _FAILING:
            return self._failed(outcome, moment, jitter)
        if outcome.status >= 500:
            return self  # some engines blame themselves for a request that is wrong
        return self._answered(moment)

    def _lasts(self, moment: Moment) -> bool:
        return self.state.until is not None and moment.now < self.state.until

    def _answered(self, moment: Moment) -> Standing:
        if self.state.kind in ("rate_limited", "exhausted") and self._lasts(moment):
            # It began before the limit was met, and says nothing about it.
            return replace(self, failures=0, trips=0)
        return Standing()

    def _unpaid(self, outcome: Outcome, moment: Moment) -> Standing:
        if outcome.metadata.get("reason") == "weight_exceeds_budget":
            return self  # this one request costs too much; others need not
        reason, words = f"HTTP {outcome.status}", _words(outcome)
        if outcome.status == 402 and (told := retry_after(outcome, moment)):
            return Standing(State("rate_limited", reason, moment.on(told), words))
        # Credits begin anew with the month, and an owner may pay in at any time: to ask again costs nothing.
        again = _renewed(outcome) or min(moment.wall + _UNPAID_PAUSE, moment.next_month())
        return Standing(State("exhausted", reason, moment.on(again), words))

    def _limited(self, outcome: Outcome, moment: Moment, jitter: float) -> Standing:
        told = limited_until(outcome, moment)
        pause = _growing(_FIRST_LIMIT_SECONDS, _LONGEST_LIMIT_SECONDS, self.limits, jitter)
        until = moment.on(told) if told else moment.now + pause
        reason = f"its limit{' of the day' * is_daily(outcome)} is reached"
        state = State("rate_limited", reason, until, _words(outcome))
        if self.state.kind == "rate_limited" and self.state.until is not None and self.state.until > until:
            state = self.state
        return Standing(state, limits=self.limits + 1)

    def _failed(self, outcome: Outcome, moment: Moment, jitter: float) -> Standing:
        if self.state.kind in ("down", "rate_limited") and self._lasts(moment):
            return self  # of those that were on their way when it was seen
        failures = self.failures + 1
        hopeless = outcome.fault == "connect" or outcome.status == _GONE
        if not hopeless and not self.trips and failures < _OPENS_AFTER:
            return replace(self, state=READY, failures=failures)
        first = _LONGEST_OPEN_SECONDS if outcome.status == _GONE else _FIRST_OPEN_SECONDS
        pause = _growing(first, _LONGEST_OPEN_SECONDS, self.trips, jitter)
        state = State("down", _what(outcome), moment.now + pause, _words(outcome))
        return Standing(state, failures, self.trips + 1)


def _hold(outcome: Outcome, moment: Moment) -> State | None:
    """A 503 of one that is well: full, or loading."""
    if _LOADING.search(outcome.message):
        return State("loading", "the engine loads the model", moment.now + _BUSY_SECONDS)
    told = retry_after(outcome, moment)
    if told is None and not (_BUSY.search(outcome.message) or _BUSY.search(outcome.code)):
        return None
    return State("busy", "its own queue is full", moment.on(told) if told else moment.now + _BUSY_SECONDS)


def _is_unpaid(outcome: Outcome) -> bool:
    """402, or what means the same: OpenAI's 429 without quota, OpenRouter's 403 of a spent budget."""
    budget = outcome.status == 403 and "limit_source" in outcome.metadata
    return outcome.status == 402 or outcome.code == "insufficient_quota" or budget


def _renewed(outcome: Outcome) -> datetime | None:
    """When OpenRouter fills a budget again."""
    try:
        time = datetime.fromisoformat(str(outcome.metadata.get("resets_at")))
    except ValueError:
        return None
    return time if time.tzinfo else None


def _is_flagged(outcome: Outcome) -> bool:
    """OpenRouter's 403 for a prompt that its moderation refused; the key is fine."""
    return outcome.status == 403 and ("flagged_input" in outcome.metadata or "flagged" in outcome.message)


def _growing(first: float, longest: float, times: int, jitter: float) -> float:
    """Seconds: doubled each time, give or take a quarter."""
    return min(first * 2.0 ** min(times, 30), longest) * (0.75 + jitter / 2)


def _what(outcome: Outcome) -> str:
    words = {
        "connect": "not reached",
        "late": "no answer in time",
        "cut": "the connection broke",
        "stalled": "it stopped in the middle of an answer",
    }
    return words[outcome.fault] if outcome.fault else f"HTTP {outcome.status}"


def _words(outcome: Outcome) -> str:
    return " ".join(outcome.message.split())[:_LONGEST_REASON]
