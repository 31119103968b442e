"""What the books keep of one answer: who, where, how much, how long. Never what was asked or said."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.days import day_of


@dataclass(frozen=True, slots=True)
class Entry:
    request: str
    """The gateway's own id of the request, never one that a client chose: a second entry of the same id is
    taken for the same, and left out."""
    at: float
    """Wall time, when it began."""
    key: str
    """Id of the key; '' where none was asked for."""
    model: str
    backend: str
    """'' where it came to none."""
    tier: str
    status: int
    """Of HTTP, as the client got it."""
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    """The tokens are our guess; the engine did not count them, or its answer was cut."""
    micro: int
    """Cost in micro-dollars."""
    queue_ms: int
    first_token_ms: int | None
    """None where none came."""
    total_ms: int
    reservation: Reservation | None = None
    """What was set aside for it; this entry takes its place."""

    @property
    def day(self) -> str:
        """On which it is paid for: that of the reservation, so that the budget that was asked pays."""
        return self.reservation.day if self.reservation else day_of(self.at)

    @property
    def is_money(self) -> bool:
        return bool(self.micro or self.reservation)
