"""How often, how much and how many at once a key may ask. In memory: a restart begins with full buckets."""

from __future__ import annotations

from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.use import Use, microseconds

_FEW = 1024  # uses that are kept without asking whether they still matter


class Limiter:
    """Times are seconds of a monotonic clock, and count to the microsecond. For one thread.

    It holds no more than twice the keys whose use still matters, or a thousand.
    """

    def __init__(self) -> None:
        self._uses: dict[str, Use] = {}
        self._tidy_at = _FEW

    def __len__(self) -> int:
        return len(self._uses)

    def admit(self, key: Key, now: float) -> Admission | Refusal:
        """Let one request in, or say which limit stands against it. One that is refused uses up nothing."""
        moment = microseconds(now)
        use = self._use(key, moment)
        return use.admit(key, moment) or Admission(use)

    def _use(self, key: Key, now: int) -> Use:
        if key.id not in self._uses:
            self._tidy(now)
            self._uses[key.id] = Use()
        return self._uses[key.id]

    def _tidy(self, now: int) -> None:
        if len(self._uses) >= self._tidy_at:
            self._uses = {id: use for id, use in self._uses.items() if not use.is_idle(now)}
            self._tidy_at = max(_FEW, 2 * len(self._uses))


class Admission:
    """One request that was let in. Must be ended, however it went; ending twice is ending once."""

    __slots__ = ("_use",)

    def __init__(self, use: Use) -> None:
        self._use: Use | None = use

    def end(self, now: float, tokens: int = 0) -> None:
        """Charge what it took in prompt and answer. More than was left is paid for by waiting."""
        use, self._use = self._use, None
        if use is not None:
            use.running -= 1
            use.charge(tokens, microseconds(now))
