"""What the gateway needs of whatever keeps its books. SQLite does it for the gateways of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kanoa_mlops.gateway.books.budget import Cap
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.books.spending import Booked
from kanoa_mlops.gateway.books.totals import Dimension, Total


class Store(Protocol):
    """Each method is one transaction: it happens whole or not at all, also beside other processes.

    Raises, any of them:
        BooksUnusable: no right to write, or damaged.
        BooksBusy: others held it too long; it may be tried again.
        DiskFull: there is no room; it may be tried again.
    """

    def add_key(self, key: Key) -> None:
        """
        Raises:
            UserError: another key, not revoked, has this name.
        """

    def revoke_key(self, key: str, now: float) -> None:
        """For good. One that was revoked stays so since then.

        Raises:
            UnknownKey: there is no such id.
        """

    def all_keys(self) -> Sequence[Key]:
        """All that ever were, the oldest first."""

    def write(self, items: Sequence[Entry | Reservation]) -> None:
        """Entries, in this order, each taking the place of its reservation; and reservations to give back.

        An entry whose request was written before is left out, and paid for once.
        """

    def reserve(self, reservation: Reservation, caps: Sequence[Cap]) -> Refusal | None:
        """Set money aside unless a cap stands against it, as if no other process did so at the same time."""

    def booked(self, day: str, now: float) -> Booked:
        """What was spent from this day on, and what is set aside."""

    def totals(self, by: Sequence[Dimension], since: float, until: float) -> Sequence[Total]:
        """Of all entries between these times, the second excluded; in the order of their groups."""

    def changed(self) -> bool:
        """Whether anybody else wrote since this was last asked. Costs next to nothing."""

    def close(self) -> None: ...
