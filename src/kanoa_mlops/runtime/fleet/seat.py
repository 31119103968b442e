"""A member's place in the fleet: how it stands, and who waits for it. Times are the event loop's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.runtime.fleet.member import Member
from kanoa_mlops.runtime.fleet.turns import Standing

State = Literal["asleep", "loading", "ready", "down"]

_ABSENCES = 8  # enough to tell a burst from a stroll, few enough to notice a change


@dataclass(eq=False)
class Waiter:
    """A request that waits for a model."""

    admitted: asyncio.Future[None]
    tell: Callable[[str], None]
    since: float
    told: str = ""

    @property
    def was_admitted(self) -> bool:
        done = self.admitted.done() and not self.admitted.cancelled()
        return done and self.admitted.exception() is None


@dataclass(eq=False)
class Seat:
    member: Member
    pinned: bool
    state: State = "asleep"
    life: asyncio.Task[None] | None = None
    """There as long as the engine may be, in whatever state."""
    draining: bool = False
    in_flight: int = 0
    waiters: list[Waiter] = field(default_factory=list)
    loaded_at: float = 0.0
    used_at: float = 0.0
    load_seconds: float = 0.0
    absences: deque[float] = field(default_factory=lambda: deque(maxlen=_ABSENCES))
    missing_since: float = 0.0
    """Since when it should be loaded, where it is pinned."""
    falls: int = 0
    """Loads that failed and early deaths, one after another."""
    failure: KanoaError | None = None
    rests_until: float = 0.0
    """It is not tried again before, after `failure`."""

    @property
    def name(self) -> str:
        return self.member.name

    @property
    def is_open(self) -> bool:
        """Takes requests now."""
        return self.state == "ready" and not self.draining

    @property
    def waits_for(self) -> str:
        return f"loading {self.name}" if self.state == "loading" else f"{self.name} waits for its turn"

    def asked(self, now: float) -> None:
        """A request came; note how long there had been none."""
        if self.load_seconds and not self.in_flight and not self.waiters:
            self.absences.append(now - self.used_at)

    def admit(self) -> None:
        """All that wait begin."""
        for waiter in self.waiters:
            if not waiter.admitted.done():  # who was just cancelled has not left yet
                self.in_flight += 1
                waiter.admitted.set_result(None)
        self.waiters.clear()

    def refuse(self, error: KanoaError) -> None:
        """All that wait are told why in vain."""
        for waiter in self.waiters:
            if not waiter.admitted.done():
                waiter.admitted.set_exception(error)
        self.waiters.clear()

    def tell(self) -> None:
        """Those who wait, where it is news."""
        words = self.waits_for
        for waiter in self.waiters:
            if waiter.told != words:
                waiter.told = words
                waiter.tell(words)

    def wanted_since(self, now: float) -> float | None:
        """None where nobody waits for it."""
        if self.waiters:
            return self.waiters[0].since
        return self.missing_since if self.pinned and now >= self.rests_until else None

    def standing(self, now: float) -> Standing:
        """For the policy."""
        loaded = self.state == "ready"
        return Standing(
            name=self.name,
            pinned=self.pinned,
            loaded_at=self.loaded_at if loaded else None,
            load_seconds=self.load_seconds,
            in_flight=self.in_flight,
            draining=self.draining,
            used_at=self.used_at,
            absences=tuple(self.absences),
            waiting_since=self.wanted_since(now),
            stuck=self.life is not None and not loaded,
        )
