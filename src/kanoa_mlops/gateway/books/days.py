"""Days and months of UTC, by which money is counted. Times are wall time: seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def day_of(at: float) -> str:
    """'2026-11-28'. As text they sort as in time."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def month_of(at: float) -> str:
    """The first day of the month."""
    return day_of(at)[:8] + "01"


def next_day(at: float) -> float:
    """When the next day begins."""
    midnight = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + timedelta(days=1)).timestamp()


def next_month(at: float) -> float:
    """When the next month begins."""
    first = datetime.fromisoformat(month_of(at)).replace(tzinfo=UTC)
    # No month has more than 31 days, and the second half of the next is never passed.
    return (first + timedelta(days=32)).replace(day=1).timestamp()
