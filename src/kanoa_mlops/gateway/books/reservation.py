"""Money set aside before it is spent."""

from __future__ import annotations

from dataclasses import dataclass, field

from kanoa_mlops.gateway.days import day_of

LAPSES_AFTER = 3600.0
"""Seconds after which one that nobody settled no longer counts: its gateway was killed. Answers take less;
one that takes more is paid for all the same when it ends."""
FORGOTTEN_AFTER = 365 * 86400.0
"""Seconds after which such a one is deleted. Not at once: the clock may be ahead, and go back."""


@dataclass(frozen=True, slots=True)
class Reservation:
    id: str
    made: float
    """Wall time."""
    key: str
    """Id of the key; '' where none was asked for."""
    backend: str
    """To whom the money goes."""
    micro: int
    """The most that it may cost, in micro-dollars."""
    day: str = field(init=False)
    """Whose budget pays for it, also when it ends after midnight."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "day", day_of(self.made))

    def is_open(self, now: float) -> bool:
        return self.made > now - LAPSES_AFTER
