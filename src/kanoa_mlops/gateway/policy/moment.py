"""Now, by both clocks: one that only goes forward, and the time of day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kanoa_mlops.gateway.days import day_after, month_after


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
        return day_after(self.wall)

    def next_month(self) -> datetime:
        """Its first midnight in UTC, when credits by month begin anew."""
        return month_after(self.wall)
