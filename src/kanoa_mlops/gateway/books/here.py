"""What keys use of their limits, counted in the memory of a gateway that is alone with its books."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.use import Use, microseconds


class Here:
    """From any thread; nothing waits. A key that is not counted here is counted in the books."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._uses: dict[str, Use] = {}
        self._lock = Lock()

    def admit(self, key: Key) -> Refusal | bool:
        """False where it is not counted here."""
        with self._lock:
            use = self._uses.get(key.id)
            return use is not None and (use.admit(key, self._now()) or True)

    def end(self, key: str, tokens: int) -> bool:
        """The same, of one request."""
        with self._lock:
            use = self._uses.get(key)
            if use is None:
                return False
            use.running -= 1
            use.charge(tokens, self._now())
            return True

    def take(self, key: str, use: Use, now: int) -> None:
        """Count it here from now on.

        Args:
            now: microseconds of the clock by which it was counted.
        """
        with self._lock:
            use.rebase(now, self._now())
            self._uses[key] = use

    def give(self, now: int) -> dict[str, Use]:
        """All that was counted here, and is no longer; by the clock that says `now`."""
        with self._lock:
            given, self._uses = self._uses, {}
            for use in given.values():
                use.rebase(self._now(), now)
            return given

    def _now(self) -> int:
        return microseconds(self._clock())
