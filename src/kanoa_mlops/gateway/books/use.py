"""What a key has used of its limits, and whether one more request may come in. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway.books.bucket import Bucket
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.refusal import Limit, Refusal


@dataclass
class Use:
    """Times are whole microseconds of one clock. A bucket is made when it is first needed."""

    requests: Bucket | None = None
    tokens: Bucket | None = None
    running: int = 0

    def admit(self, key: Key, now: int) -> Refusal | None:
        """Let one request in, or say which limit stands against it. One that is refused uses up nothing."""
        limits = key.limits
        if limits.parallel is not None and self.running >= limits.parallel:
            return Refusal(
                Limit.PARALLEL, _sentence(key, f"{limits.parallel} requests at the same time"), None
            )
        self.requests = _refilled(self.requests, limits.requests_per_minute, now)
        self.tokens = _refilled(self.tokens, limits.tokens_per_minute, now)
        if refusal := _too_fast(key, self):
            return refusal
        if self.requests is not None:
            self.requests.take(1)
        self.running += 1
        return None

    def charge(self, tokens: int, now: int) -> None:
        """More than was left is paid for by waiting."""
        if self.tokens is not None:
            self.tokens.refill(now)
            self.tokens.take(tokens)

    def rebase(self, now: int, then: int) -> None:
        """What one clock calls now, another one calls then; by that it is counted from now on."""
        for each in (self.requests, self.tokens):
            if each is not None:
                each.rebase(now, then)

    def is_idle(self, now: int) -> bool:
        """Hence the same as a new one."""
        buckets = (each for each in (self.requests, self.tokens) if each is not None)
        return not self.running and all(each.is_full(now) for each in buckets)


def microseconds(seconds: float) -> int:
    return round(seconds * 1e6)


def _refilled(bucket: Bucket | None, per_minute: int | None, now: int) -> Bucket | None:
    if per_minute is None:
        return None
    if bucket is None:
        return Bucket(per_minute, now)
    bucket.refill(now, per_minute)
    return bucket


def _too_fast(key: Key, use: Use) -> Refusal | None:
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
