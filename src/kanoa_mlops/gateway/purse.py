"""What may be spent beyond the owner's machines, and by whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from kanoa_mlops.gateway.allowances import Allowances
from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.budget import Cap, Payer, caps, caps_of, renewed_at
from kanoa_mlops.gateway.books.money import MICRO
from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.guest import Guest

_BOUNDLESS = Decimal("Infinity")


@dataclass(frozen=True)
class Left:
    dollars: Decimal
    renewed_at: float | None
    """Wall time; None where nothing bounds it."""


@dataclass
class Purse:
    """All that the owner allows to be spent, as it is now."""

    books: Books
    caps: tuple[Cap, ...] = ()
    """On all spending together; changed when the owner changes them."""
    after_seconds: float = 10.0
    """Seconds of waiting, gone and expected, from which on a request may leave; likewise."""
    allowances: Allowances = field(default_factory=Allowances)
    """What providers let the owner's accounts use."""

    def left(self, guest: Guest) -> Left:
        """Of what this guest, and all together, may spend."""
        caps = (*_own(guest), *self.caps)
        if not caps:
            return Left(_BOUNDLESS, None)
        left = {cap: self.books.left((cap,), key=guest.id) or 0 for cap in caps}
        least = min(left.values())
        return Left(Decimal(least) / MICRO, _renewed([cap for cap in caps if left[cap] == least]))

    def exhausted_until(self, backend: Backend) -> float | None:
        """Wall time at which there is money for this backend again; None where there still is."""
        caps = _terms(backend)
        return _renewed(
            [cap for cap in caps if self.books.left((cap,), backend=backend.id) == 0 and cap.micro]
        )

    async def reserve(self, most_usd: Decimal, guest: Guest, backend: Backend) -> Reservation | Refusal:
        """Set the most that a request can cost aside before it is sent. Where it is cancelled, nothing is."""
        micro = int((most_usd * MICRO).to_integral_value(ROUND_CEILING))
        caps = (*_own(guest), *_terms(backend), *self.caps)
        reserving = asyncio.ensure_future(
            asyncio.to_thread(self.books.reserve, micro, caps, key=guest.id, backend=backend.id)
        )
        try:
            return await asyncio.shield(reserving)
        except asyncio.CancelledError:
            reserving.add_done_callback(self._give_back)  # the thread goes on
            raise

    def _give_back(self, reserving: asyncio.Future[Reservation | Refusal]) -> None:
        if not reserving.cancelled() and not reserving.exception():
            made = reserving.result()
            if isinstance(made, Reservation):
                self.books.release(made)


def _own(guest: Guest) -> tuple[Cap, ...]:
    return caps_of(guest.key) if guest.key else ()


def _terms(backend: Backend) -> tuple[Cap, ...]:
    grant = backend.grant
    return caps(Payer.BACKEND, grant.micro_per_day, grant.micro_per_month) if grant else ()


def _renewed(spent: Sequence[Cap]) -> float | None:
    """Wall time at which there is money under all of them again."""
    now = time.time()
    return max((renewed_at(cap.period, now) for cap in spent), default=None)
