"""The limits of keys as the door asks for them, wherever what was used is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.limiter import Admission, Limiter
from kanoa_mlops.gateway.books.refusal import Refusal


class Place(Protocol):
    """One request that was let in. Must be ended, however it went; ending twice is ending once."""

    def end(self, tokens: int = 0) -> None:
        """Charge what it took in prompt and answer. Never waits."""


class RateLimits(Protocol):
    async def admit(self, key: Key) -> Place | Refusal:
        """Let one request in, or say which limit stands against it. One that is refused uses up nothing.

        May wait for a database, but not for ever; where it is cancelled, nothing stays taken.
        """

    def close(self) -> None:
        """Write what is not written yet; nobody is let in any more."""


class OwnLimits:
    """Of this process alone, in its memory; it never waits. For one thread."""

    def __init__(self, limiter: Limiter | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limiter = limiter or Limiter()
        self._clock = clock

    async def admit(self, key: Key) -> Place | Refusal:
        found = self._limiter.admit(key, self._clock())
        return found if isinstance(found, Refusal) else _OwnPlace(found, self._clock)

    def close(self) -> None:
        """There is nothing to write."""


class _OwnPlace:
    __slots__ = ("_admission", "_clock")

    def __init__(self, admission: Admission, clock: Callable[[], float]) -> None:
        self._admission = admission
        self._clock = clock

    def end(self, tokens: int = 0) -> None:
        self._admission.end(self._clock(), tokens)
