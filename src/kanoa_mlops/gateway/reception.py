"""Who may come in, what each may still do, and what is booked of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.key import Standing
from kanoa_mlops.gateway.books.rate_limits import OwnLimits, RateLimits
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.usage import Usage

_FORWARDED = frozenset({"forwarded", "x-forwarded-for"})


@dataclass(frozen=True)
class Reception:
    """Stands between the requests and the books."""

    books: Books
    key_required: bool
    """Else one of ours counts, and any other word passes, as clients must send one."""
    purse: Purse | None = None
    """Without one nothing leaves the owner's machines."""
    limits: RateLimits = field(default_factory=OwnLimits)

    async def admit(self, headers: Mapping[str, str]) -> Guest:
        """
        Raises:
            ApiError: 401 without a good key where one is wanted, 429 where the key had its share.
        """
        text = _given(headers)
        key = self.books.keyring.find(text)
        if key is None:
            # What a proxy passes on is somebody's beyond this machine.
            if self.key_required or not _FORWARDED.isdisjoint(headers):
                raise _no_key(text)
            return Guest()
        standing = key.standing(time.time())
        if standing is not Standing.GOOD:
            raise _refused(f"The key {key.name!r} is {standing}.")
        admission = await self.limits.admit(key)
        if isinstance(admission, Refusal):
            raise _too_much(admission)
        return Guest(key, admission)

    def dismiss(self, exchange: Exchange) -> None:
        """Who was let in goes, however it went: what it took is charged and booked."""
        guest = exchange.guest
        if guest is None:
            return
        entries = [_entry(guest, exchange)]
        if exchange.all_steps:
            entries += _entries_of_steps(guest, exchange)
        tokens = 0
        for entry in entries:
            tokens += entry.prompt_tokens + entry.completion_tokens
            self.books.record(entry)
        if guest.admission:
            guest.admission.end(tokens)


def _entry(guest: Guest, exchange: Exchange) -> Entry:
    guessed = exchange.usage is None and (exchange.pieces > 0 or exchange.reservation is not None)
    usage = exchange.usage or Usage(exchange.prompt_tokens if guessed else 0, exchange.pieces)
    first, backend = exchange.first_byte_seconds, exchange.backend
    return Entry(
        request=exchange.own_id,
        at=exchange.at,
        key=guest.id,
        model=exchange.model,
        backend=backend.id if backend else "",
        tier=backend.tier if backend else "",
        status=exchange.status,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        estimated=guessed,
        micro=exchange.micro,
        queue_ms=_milliseconds(exchange.queue_seconds + exchange.held_seconds),
        first_token_ms=None if first is None else _milliseconds(first),
        total_ms=_milliseconds(exchange.seconds),
        reservation=exchange.reservation,
    )


def _entries_of_steps(guest: Guest, exchange: Exchange) -> Iterator[Entry]:
    for number, step in enumerate(exchange.all_steps):
        yield Entry(
            request=f"{exchange.own_id}-{number}",
            at=exchange.at,
            key=guest.id,
            model=step.model,
            backend=step.backend,
            tier=step.tier,
            status=200,
            prompt_tokens=step.usage.prompt_tokens,
            completion_tokens=step.usage.completion_tokens,
            estimated=False,
            micro=0,
            queue_ms=_milliseconds(step.queue_seconds),
            first_token_ms=None,
            total_ms=_milliseconds(step.seconds),
        )


def _given(headers: Mapping[str, str]) -> str:
    """As OpenAI's clients send it, or those of others."""
    kind, _, text = headers.get("authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "")


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _no_key(text: str) -> ApiError:
    return _refused("This is no key of this gateway." if text else "This gateway wants a key.")


def _refused(message: str) -> ApiError:
    return ApiError(
        401,
        f"{message} Its owner makes one: `kanoa-mlops keys add NAME`.",
        code="invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )


def _too_much(refusal: Refusal) -> ApiError:
    wait, exactly = refusal.retry_after, refusal.retry_after_ms
    headers = {"retry-after": wait, "retry-after-ms": str(exactly)} if wait else {}
    if refusal.limit is Limit.BOOKS:
        return ApiError(503, refusal.message, code="books_unreachable", headers=headers)
    return ApiError(
        429, refusal.message, code="rate_limit_exceeded", details={"limit": refusal.limit}, headers=headers
    )
