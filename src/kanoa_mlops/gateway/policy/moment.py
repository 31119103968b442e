"""Now, by both clocks: one that only goes forward, and the time of day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Moment:
    now: float
    """Seconds of the clock that decisions are made by."""
    wall: datetime
    """The time of day, in UTC."""

    def on(self, wall: datetime) -> float:
        """A time of day as seconds of the other clock."""
        return self.now + (wall - self.wall).total_seconds()

    def midnight(self) -> datetime:
        """The next in UTC, when limits by day begin anew."""
        today = self.wall.replace(hour=0, minute=0, second=0, microsecond=0)
        return today + timedelta(days=1)

    def next_month(self) -> datetime:
        """Its first midnight in UTC, when credits by month begin anew."""
        first = self.wall.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return (first + timedelta(days=32)).replace(day=1)
