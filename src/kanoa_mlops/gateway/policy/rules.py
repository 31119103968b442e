"""What the owner allows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Rules:
    """For one pool and one key, at this moment. As it comes, nothing leaves the owner's machines."""

    queue_length: int = 64
    """Requests of the pool that wait at most."""
    burst_allowed: bool = False
    """The owner lets the pool go beyond the LAN."""
    key_may_burst: bool = False
    """So may this key."""
    burst_after: float = 10.0
    """Seconds of waiting, gone and expected, from which on that is done."""
    budget_left: Decimal = Decimal(0)
    """Dollars: the least of what the key and all together may still spend, reservations taken off."""
    budget_renewed_at: float | None = None
    """When there is more; None where that is not known."""
    budget_renewed_on: float | None = None
    """The same as a time of day: seconds since 1970."""
