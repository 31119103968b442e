"""How often, how much and how many at once a key may ask. In memory: a restart begins with full buckets."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway.books.bucket import Bucket
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.refusal import Limit, Refusal

_FEW = 1024  # uses that are kept without asking whether they still matter


@dataclass
class _Use:
    """What a key has used. A bucket is made when it is first needed."""

    requests: Bucket | None = None
    tokens: Bucket | None = None
    running: int = 0

    def is_idle(self, now: int) -> bool:
        buckets = (each for each in (self.requests, self.tokens) if each is not None)
        return not self.running and all(each.is_full(now) for each in buckets)


class Limiter:
    """Times are seconds of a monotonic clock, and count to the microsecond. For one thread.

    It holds no more than twice the keys whose use still matters, or a thousand.
    """

    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}
        self._tidy_at = _FEW

    def __len__(self) -> int:
        return len(self._uses)

    def admit(self, key: Key, now: float) -> Admission | Refusal:
        """Let one request in, or say which limit stands against it. One that is refused uses up nothing."""
        moment = _microseconds(now)
        use = self._use(key, moment)
        limits = key.limits
        if limits.parallel is not None and use.running >= limits.parallel:
            return Refusal(
                Limit.PARALLEL, _sentence(key, f"{limits.parallel} requests at the same time"), None
            )
        use.requests = _refilled(use.requests, limits.requests_per_minute, moment)
        use.tokens = _refilled(use.tokens, limits.tokens_per_minute, moment)
        if refusal := _too_fast(key, use):
            return refusal
        if use.requests is not None:
            use.requests.take(1)
        use.running += 1
        return Admission(use)

    def _use(self, key: Key, now: int) -> _Use:
        if key.id not in self._uses:
            self._tidy(now)
            self._uses[key.id] = _Use()
        return self._uses[key.id]

    def _tidy(self, now: int) -> None:
        if len(self._uses) >= self._tidy_at:
            self._uses = {id: use for id, use in self._uses.items() if not use.is_idle(now)}
            self._tidy_at = max(_FEW, 2 * len(self._uses))


class Admission:
    """One request that was let in. Must be ended, however it went; ending twice is ending once."""

    __slots__ = ("_use",)

    def __init__(self, use: _Use) -> None:
        self._use: _Use | None = use

    def end(self, now: float, tokens: int = 0) -> None:
        """Charge what it took in prompt and answer. More than was left is paid for by waiting."""
        use, self._use = self._use, None
        if use is None:
            return
        use.running -= 1
        if use.tokens is not None:
            use.tokens.refill(_microseconds(now))
            use.tokens.take(tokens)


def _refilled(bucket: Bucket | None, per_minute: int | None, now: int) -> Bucket | None:
    if per_minute is None:
        return None
    if bucket is None:
        return Bucket(per_minute, now)
    bucket.refill(now, per_minute)
    return bucket


def _too_fast(key: Key, use: _Use) -> Refusal | None:
    """By the bucket that takes longest to let it in."""
    request_wait = use.requests.wait() if use.requests else 0
    token_wait = use.tokens.wait() if use.tokens else 0
    if not request_wait and not token_wait:
        return None
    # Rounded up: a moment earlier would be too early.
    wait = -(-max(request_wait, token_wait) // 1000)
    if request_wait >= token_wait:
        return Refusal(
            Limit.REQUESTS, _sentence(key, f"{key.limits.requests_per_minute} requests a minute"), wait
        )
    return Refusal(Limit.TOKENS, _sentence(key, f"{key.limits.tokens_per_minute} tokens a minute"), wait)


def _sentence(key: Key, what: str) -> str:
    return f"The key {key.name!r} may have {what}."


def _microseconds(now: float) -> int:
    return round(now * 1e6)
