"""Days and months of UTC, by which money and limits are counted. Numbers are seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def time_of(at: float) -> str:
    """'2026-11-28 09:40 UTC', for people."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def day_of(at: float) -> str:
    """'2026-11-28'. As text they sort as in time."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def month_of(at: float) -> str:
    """The first day of the month."""
    return day_of(at)[:8] + "01"


def next_day(at: float) -> float:
    """When the next day begins."""
    return day_after(datetime.fromtimestamp(at, UTC)).timestamp()


def next_month(at: float) -> float:
    """When the next month begins."""
    return month_after(datetime.fromtimestamp(at, UTC)).timestamp()


def day_after(wall: datetime) -> datetime:
    """The next midnight."""
    return wall.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def month_after(wall: datetime) -> datetime:
    """The first midnight of the next month."""
    first = wall.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    # No month has more than 31 days, and the second half of the next is never passed.
    return (first + timedelta(days=32)).replace(day=1)
