"""What a provider lets one account use, and how much of it is used: token buckets that outlive a restart.

Limits by the minute refill evenly, as Groq's do: in its documentation's example 30 of 14,400 requests a day
are used, and are there again in 2m59.56s. Limits by the day count from midnight UTC. Where a provider counts
otherwise, its 429 corrects us.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from kanoa_mlops.gateway.days import day_after
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.backend import BackendView, State
from kanoa_mlops.gateway.policy.moment import Moment

Limit = Literal["requests_per_minute", "requests_per_day", "tokens_per_minute", "tokens_per_day"]
LIMITS: tuple[Limit, ...] = get_args(Limit)

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MINUTE = 60.0  # seconds
_GRAIN = 1e-3
"""Of a request or a token; times have microseconds, so a bucket is never full to the last digit."""


@dataclass(frozen=True)
class Allowance:
    """Frozen; what is used makes a new one. Times are times of day in UTC."""

    limits: Mapping[Limit, int]
    used: Mapping[Limit, float] = field(default_factory=dict)
    """As it was at `at`."""
    at: datetime = _LONG_AGO

    @property
    def largest(self) -> int | None:
        """Tokens of the largest request that is ever let through; None where there is no limit."""
        return min((limit for name, limit in self.limits.items() if name.startswith("tokens")), default=None)

    def next_at(self, tokens: int, wall: datetime) -> datetime | None:
        """When a request of so many tokens is let through: now, later or, with None, never."""
        times = [wall]
        used = self._levels(wall)
        for name, limit in self.limits.items():
            needs = _amount(name, tokens)
            if needs > limit:
                return None
            missing = used[name] + needs - limit
            if missing > _GRAIN:
                times.append(day_after(wall) if _is_daily(name) else wall + _refilled(missing, limit))
        return max(times)

    def admits(self, tokens: int, wall: datetime) -> bool:
        return self.next_at(tokens, wall) == wall

    def charged(self, tokens: int, wall: datetime) -> Allowance:
        """A request is sent. Its tokens are the prompt's and all that its answer may have."""
        return self.changed(1, tokens, wall)

    def settled(self, charged: int, counted: int, wall: datetime) -> Allowance:
        """It was answered: what the provider counted stands in place of what was charged."""
        return self.changed(0, counted - charged, wall)

    def changed(self, requests: int, tokens: int, wall: datetime) -> Allowance:
        """So many more are used, or where that is below zero, fewer."""
        used = {
            name: max(0.0, level + (tokens if name.startswith("tokens") else requests))
            for name, level in self._levels(wall).items()
        }
        return replace(self, used=used, at=wall)

    def applied(self, backend: BackendView, ask: Ask, moment: Moment) -> BackendView:
        """The backend as this request finds it: limited until there is room, or too small for it."""
        at = self.next_at(tokens_of(ask), moment.wall)
        if at is None:
            assert self.largest is not None, "only a limit of tokens can be too small for a request"
            room = min(backend.abilities.context_tokens, self.largest)
            return replace(backend, abilities=replace(backend.abilities, context_tokens=room))
        if at == moment.wall or backend.state.kind != "ready":
            return backend
        return replace(backend, state=State("rate_limited", "its limits are reached", moment.on(at)))

    def saved(self) -> dict[str, float | str]:
        """What is used, as plain values."""
        return {"at": self.at.isoformat()} | {str(name): level for name, level in self.used.items()}

    def _levels(self, wall: datetime) -> dict[Limit, float]:
        """Where the clock was set back nothing refills, and counting goes on from there."""
        passed = max(0.0, (wall - self.at).total_seconds())
        used: dict[Limit, float] = {}
        for name, limit in self.limits.items():
            before = self.used.get(name, 0.0)
            if _is_daily(name):
                used[name] = 0.0 if wall.date() > self.at.date() else before
            else:
                used[name] = max(0.0, before - limit * passed / _MINUTE)
        return used


def restored(limits: Mapping[Limit, int], saved: Mapping[str, float | str]) -> Allowance:
    """What was used before a restart, under the limits of today.

    Raises:
        ValueError: it is not what `saved()` gives; says which part.
    """
    try:
        at = datetime.fromisoformat(str(saved["at"])).astimezone(UTC)
        used = {name: max(0.0, float(saved[name])) for name in LIMITS if name in saved}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"what was saved of a provider's limits cannot be read: {error}") from error
    return Allowance(limits, used, at)


def tokens_of(ask: Ask) -> int:
    """What is charged for a request. Groq and Cerebras count the longest answer before it is given."""
    return ask.prompt_tokens + (ask.max_answer_tokens or 0) * ask.answers


def _amount(name: Limit, tokens: int) -> int:
    return tokens if name.startswith("tokens") else 1


def _is_daily(name: Limit) -> bool:
    return name.endswith("day")


def _refilled(missing: float, limit: int) -> timedelta:
    return timedelta(seconds=missing * _MINUTE / limit)
