"""A token bucket. In whole numbers, so that what it says of the future is what will be."""

from __future__ import annotations

from collections.abc import Sequence

_MINUTE = 60_000_000  # microseconds


class Bucket:
    """Full at first; refilled evenly, so much a minute, up to one minute's worth.

    Times are whole microseconds of one clock. One that goes back takes back what it refilled.
    """

    __slots__ = ("_at", "_level", "_per_minute")

    def __init__(self, per_minute: int, now: int) -> None:
        self._per_minute = per_minute
        # In parts of which a minute's microseconds make one whole, so that each of those adds `per_minute`.
        self._level = per_minute * _MINUTE
        self._at = now

    def refill(self, now: int, per_minute: int | None = None) -> None:
        """Up to now, at this rate from the last time on, or at that which held."""
        rate = per_minute or self._per_minute
        self._level = min(rate * _MINUTE, self._level + (now - self._at) * rate)
        self._per_minute = rate
        self._at = now

    def wait(self) -> int:
        """Microseconds from the last refill until there is one whole; 0 if there is."""
        return max(0, -((self._level - _MINUTE) // self._per_minute))

    def take(self, count: int) -> None:
        """More than there is leaves a debt, which is refilled first."""
        self._level -= count * _MINUTE

    def is_full(self, now: int) -> bool:
        """Hence the same as a new one."""
        self.refill(now)
        return self._level == self._per_minute * _MINUTE

    def rebase(self, now: int, then: int) -> None:
        """By another clock from now on, which says `then` where this one says `now`."""
        self.refill(now)
        self._at = then

    def saved(self) -> list[int]:
        """As plain values."""
        return [self._per_minute, self._level, self._at]

    @classmethod
    def restored(cls, saved: Sequence[int], now: int) -> Bucket:
        """Where the clock was set back meanwhile nothing refills, and counting goes on from there: a clock of
        the day may be put right by years, and nobody is to wait for them."""
        per_minute, level, at = saved
        bucket = cls(per_minute, min(at, now))
        bucket._level = level
        return bucket
