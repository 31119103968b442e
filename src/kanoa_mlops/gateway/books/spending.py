"""Sums of money, in memory: what the database holds and what it does not hold yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kanoa_mlops.gateway.books.budget import Cap, Payer, first_day
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.reservation import Reservation


@dataclass(frozen=True)
class Spent:
    """By one key at one backend on one day."""

    day: str
    key: str
    backend: str
    micro: int


@dataclass(frozen=True)
class Booked:
    """What the database holds at one moment."""

    spent: Sequence[Spent] = ()
    reservations: Sequence[Reservation] = ()


@dataclass(frozen=True)
class Sum:
    """Micro-dollars."""

    spent: int
    reserved: int

    @property
    def committed(self) -> int:
        return self.spent + self.reserved


class Spending:
    """Keeps days, of a month or so, and adds them up when asked; hence it has no midnight to wait for."""

    def __init__(self, booked: Booked | None = None) -> None:
        booked = booked or Booked()
        self._days: dict[tuple[Payer, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._open = {each.id: each for each in booked.reservations}
        for each in booked.spent:
            self._spend(each)

    def reserve(self, reservation: Reservation) -> None:
        self._open[reservation.id] = reservation

    def settle(self, item: Entry | Reservation) -> None:
        """An answer was paid for, or what was set aside is given back."""
        reservation = item if isinstance(item, Reservation) else item.reservation
        if reservation:
            self._open.pop(reservation.id, None)
        if isinstance(item, Entry) and item.micro:
            self._spend(Spent(item.day, item.key, item.backend, item.micro))

    def under(self, cap: Cap, now: float, *, key: str = "", backend: str = "") -> Sum:
        """What counts against a cap.

        Args:
            now: wall time.
            key: whose, where the cap is one of a key.
            backend: which, where the cap is one of a backend.
        """
        day = first_day(cap.period, now)
        name = _name(cap.payer, key, backend)
        spent = sum(micro for when, micro in self._days.get((cap.payer, name), {}).items() if when >= day)
        reserved = sum(
            each.micro
            for each in self._open.values()
            if each.day >= day and each.is_open(now) and _name(cap.payer, each.key, each.backend) == name
        )
        return Sum(spent, reserved)

    def left(self, caps: Iterable[Cap], now: float, *, key: str = "", backend: str = "") -> int | None:
        """What may still be spent under all of these, in micro-dollars, at least zero; None without a cap.

        Args:
            now, key, backend: as above.
        """
        sums = [cap.micro - self.under(cap, now, key=key, backend=backend).committed for cap in caps]
        return max(0, min(sums)) if sums else None

    def _spend(self, spent: Spent) -> None:
        for payer in Payer:
            self._days[payer, _name(payer, spent.key, spent.backend)][spent.day] += spent.micro


def _name(payer: Payer, key: str, backend: str) -> str:
    if payer is Payer.KEY:
        return key
    return backend if payer is Payer.BACKEND else ""
