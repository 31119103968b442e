"""Whether money may be spent. Pure: what was spent is passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.money import format_dollars
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.days import day_of, month_of, next_day, next_month, time_of


class Payer(StrEnum):
    """Whose spending is added up."""

    KEY = "key"
    """What one key spends."""
    BACKEND = "backend"
    """What is spent at one backend."""
    ALL = "all"


class Period(StrEnum):
    """Of UTC."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True)
class Cap:
    """The most that may be spent."""

    payer: Payer
    period: Period
    micro: int
    """Micro-dollars."""


def caps_of(key: Key) -> tuple[Cap, ...]:
    """Those that the key itself has."""
    return caps(Payer.KEY, key.limits.micro_per_day, key.limits.micro_per_month)


def caps(payer: Payer, micro_per_day: int | None, micro_per_month: int | None) -> tuple[Cap, ...]:
    """Those of the two that there are."""
    given = ((Period.DAY, micro_per_day), (Period.MONTH, micro_per_month))
    return tuple(Cap(payer, period, micro) for period, micro in given if micro is not None)


def first_day(period: Period, now: float) -> str:
    """From which on spending counts. It has no end: a clock that goes back renews no budget."""
    return day_of(now) if period is Period.DAY else month_of(now)


def renewed_at(period: Period, now: float) -> float:
    """Wall time at which the next one begins."""
    return next_day(now) if period is Period.DAY else next_month(now)


def refuse(caps: Iterable[Cap], committed: Callable[[Cap], int], micro: int, now: float) -> Refusal | None:
    """Why so much may not be spent; None if it may.

    Args:
        committed: micro-dollars spent or set aside under a cap, in its period.
        now: wall time.
    """
    refusals = [_refusal(cap, micro, now) for cap in caps if committed(cap) + micro > cap.micro]
    # A wait that has no end is the longest.
    return max(refusals, key=lambda each: each.retry_after_ms or float("inf"), default=None)


def _refusal(cap: Cap, micro: int, now: float) -> Refusal:
    whose = {Payer.KEY: "This key", Payer.BACKEND: "That backend", Payer.ALL: "This gateway"}[cap.payer]
    anew = renewed_at(cap.period, now)
    return Refusal(
        Limit(f"{cap.payer}_dollars_per_{cap.period}"),
        f"{whose} may cost {format_dollars(cap.micro)} a {cap.period}, and this request could exceed it."
        + (f" The next {cap.period} begins at {time_of(anew)}." if micro <= cap.micro else ""),
        ceil((anew - now) * 1000) if micro <= cap.micro else None,
    )
