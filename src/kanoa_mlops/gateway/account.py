"""What is known of one account at a provider, for one model there: what is used, until when it refuses."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from kanoa_mlops.gateway.policy.allowance import Allowance, Limit, restored
from kanoa_mlops.gateway.policy.backend import Kind, State
from kanoa_mlops.gateway.policy.moment import Moment

_LASTING: tuple[Kind, ...] = ("exhausted", "rate_limited")
_WORTH_SECONDS = 10.0
"""A shorter refusal is over before anybody else learns of it."""
_MOST_USES = 1000
"""That wait to be kept, each by itself."""


@dataclass(frozen=True)
class Use:
    """What was charged, or what is more or less than was charged."""

    requests: int
    tokens: int
    wall: datetime


@dataclass(frozen=True)
class Refusing:
    """What the provider said of the account, in none of its words: those may name the owner."""

    kind: Kind
    until: float
    """Wall time."""


@dataclass(frozen=True)
class Known:
    """Frozen; whatever happens makes a new one."""

    allowance: Allowance
    refusing: Refusing | None = None

    def used(self, uses: Sequence[Use]) -> Known:
        """After these, which may be older than what others did meanwhile."""
        allowance = self.allowance
        for use in uses:
            allowance = allowance.changed(use.requests, use.tokens, max(use.wall, allowance.at))
        return replace(self, allowance=allowance)

    def refused(self, refusing: Refusing | None) -> Known:
        """The refusal that lasts longer counts."""
        ends = [each for each in (self.refusing, refusing) if each]
        return replace(self, refusing=max(ends, key=lambda each: each.until, default=None))

    def under(self, limits: Mapping[Limit, int]) -> Known:
        return replace(self, allowance=replace(self.allowance, limits=limits))

    def by(self, clock: timedelta) -> Known:
        """By a clock that is so much ahead."""
        if not self.allowance.used:
            return self
        return replace(self, allowance=replace(self.allowance, at=self.allowance.at + clock))

    def saved(self) -> dict[str, Any]:
        """As plain values."""
        said = self.refusing
        return self.allowance.saved() | ({"refusing": said.kind, "until": said.until} if said else {})


def known(limits: Mapping[Limit, int], saved: Mapping[str, Any], now: float) -> Known:
    """What was saved, under the limits of today.

    Args:
        now: by the clock it was saved by.

    Raises:
        ValueError: it is not what `saved()` gives; says which part.
    """
    if not saved:
        return Known(Allowance(limits))
    allowance = restored(limits, saved)
    # Of a clock that was ahead and is set right: nothing would refill until it is that late again.
    allowance = replace(allowance, at=min(allowance.at, datetime.fromtimestamp(now, UTC)))
    kind, until = saved.get("refusing"), saved.get("until")
    if kind not in _LASTING or not isinstance(until, int | float) or until <= now:
        return Known(allowance)
    return Known(allowance, Refusing(kind, until))


class Account:
    """In memory, and what of it is not kept yet. May be used from any thread; nothing in it waits."""

    def __init__(self, limits: Mapping[Limit, int], *, kept: bool) -> None:
        """
        Args:
            kept: somebody asks for what is `unkept`.
        """
        self._known = Known(Allowance(limits))
        self._kept = kept
        self._uses: list[Use] = []
        self._unkept = False
        self._lock = Lock()

    @property
    def allowance(self) -> Allowance:
        return self._known.allowance

    def agree(self, limits: Mapping[Limit, int]) -> None:
        """From now on these. Where two grants of one account say otherwise, those of the last count."""
        with self._lock:
            self._known = self._known.under(limits)

    def charge(self, tokens: int, wall: datetime) -> None:
        """A request is about to be sent."""
        self._use(Use(1, tokens, wall))

    def give_back(self, charged: int, wall: datetime) -> None:
        """It was not sent after all."""
        self._use(Use(-1, -charged, wall))

    def settle(self, charged: int, counted: int, wall: datetime) -> None:
        """It was answered: what the provider counted stands in place of what was charged."""
        self._use(Use(0, counted - charged, wall))

    def refuses(self, state: State, moment: Moment) -> None:
        """How a request found it. What is over in some seconds is nobody else's concern."""
        if state.kind not in _LASTING or state.until is None or state.until - moment.now < _WORTH_SECONDS:
            return
        until = moment.wall.timestamp() + state.until - moment.now
        with self._lock:
            self._known = self._known.refused(Refusing(state.kind, until))
            self._unkept = self._kept

    def state(self, now: float) -> State | None:
        """What anybody was told and still holds.

        Args:
            now: by the clock of `State.until`.
        """
        said = self._known.refusing
        if said is None or (left := said.until - time.time()) <= 0:
            return None
        return State(said.kind, "as it said before", now + left)

    def unkept(self) -> tuple[Known, tuple[Use, ...]] | None:
        """What is known, and the uses that are not kept yet; None where all is. For one at a time."""
        with self._lock:
            if not self._unkept:
                return None
            if len(self._uses) > _MOST_USES:  # the store is away, and the oldest need be known least well
                self._uses = [_sum(self._uses[n : n + 2]) for n in range(0, len(self._uses), 2)]
            return self._known, tuple(self._uses)

    def keep(self, stored: Known, uses: int) -> None:
        """The store holds this, and with it the first so many of the uses that it lacked."""
        with self._lock:
            del self._uses[:uses]
            mine = self._known
            self._known = stored.used(self._uses).refused(mine.refusing).under(mine.allowance.limits)
            self._unkept = bool(self._uses) or self._known.refusing != stored.refusing

    def _use(self, use: Use) -> None:
        with self._lock:
            allowance = self._known.allowance
            if not allowance.limits:
                return
            allowance = allowance.changed(use.requests, use.tokens, use.wall)
            self._known = replace(self._known, allowance=allowance)
            if self._kept:
                self._uses.append(use)
                self._unkept = True


def _sum(uses: Sequence[Use]) -> Use:
    return Use(sum(each.requests for each in uses), sum(each.tokens for each in uses), uses[-1].wall)
