"""A key as `keys` shows it, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from kanoa_mlops.gateway.books.key import Key, KeyLimits, Standing
from kanoa_mlops.gateway.books.money import MICRO, format_dollars


def state(key: Key, now: float) -> str:
    standing = key.standing(now)
    if standing is Standing.GOOD and key.expires is not None:
        return f"good until {_date(key.expires)}"
    return standing


def limits_of(key: Key) -> str:
    return ", ".join(_each_limit(key.limits))


def _each_limit(limits: KeyLimits) -> Iterator[str]:
    if limits.requests_per_minute is not None:
        yield f"{limits.requests_per_minute} requests a minute"
    if limits.tokens_per_minute is not None:
        yield f"{limits.tokens_per_minute} tokens a minute"
    if limits.parallel is not None:
        yield f"{limits.parallel} at once"
    if limits.micro_per_day is not None:
        yield f"{format_dollars(limits.micro_per_day)} a day"
    if limits.micro_per_month is not None:
        yield f"{format_dollars(limits.micro_per_month)} a month"
    if limits.models:
        yield f"only {' '.join(limits.models)}"
    yield "may burst" if limits.may_burst else "local only"


def document(key: Key, now: float) -> dict[str, Any]:
    limits = key.limits
    return {
        "id": key.id,
        "name": key.name,
        "state": key.standing(now),
        "created": _time(key.created),
        "expires": _time(key.expires),
        "revoked": _time(key.revoked),
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute,
        "parallel": limits.parallel,
        "dollars_per_day": None if limits.micro_per_day is None else limits.micro_per_day / MICRO,
        "dollars_per_month": None if limits.micro_per_month is None else limits.micro_per_month / MICRO,
        "models": list(limits.models),
        "may_burst": limits.may_burst,
    }


def _time(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
