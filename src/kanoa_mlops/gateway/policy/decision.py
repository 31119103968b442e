"""What becomes of a request."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Why = Literal["nearest", "affinity", "burst_wait", "burst_unable", "burst_down", "required"]
"""nearest: the least loaded of the nearest tier. affinity: of those, the one that has seen such a prompt.
burst_wait: nearby it would wait too long; burst_unable: nothing there can do it; burst_down: nothing that can
answers. required: it asked for hosted."""


@dataclass(frozen=True)
class Send:
    backend: str
    why: Why
    most_usd: Decimal = Decimal(0)
    """What it can cost at most; to be reserved until it is known."""
    wake: str = ""
    """A backend that sleeps and should be woken, for what comes after."""


@dataclass(frozen=True)
class Wait:
    position: int
    """1 is next."""
    seconds: float
    """Expected until it is sent."""
    again_at: float
    """When to decide again, if nothing happens before."""
    wake: Send | None = None
    """To a backend that sleeps, where somebody wakes it and holds the request meanwhile."""


@dataclass(frozen=True)
class Refuse:
    status: Literal[400, 404, 429, 503]
    """429 where those that could are taken, 503 where none of them answers."""
    code: str
    message: str
    retry_after: int | None = None
    """Seconds; there for 429 and 503."""


Decision = Send | Wait | Refuse
