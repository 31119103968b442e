"""What the gateway needs of whatever keeps its books.

SQLite does it for the gateways of one machine, Postgres for those of several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from kanoa_mlops.gateway.books.budget import Cap
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.books.spending import Booked
from kanoa_mlops.gateway.books.state import Change, State
from kanoa_mlops.gateway.books.totals import Dimension, Total


class Store(Protocol):
    """Each method is one transaction: it happens whole or not at all, also beside other processes.

    Raises, any of them:
        BooksUnusable: no right to write, or damaged.
        BooksBusy: others held it too long, or it was not reached; it may be tried again. What was asked for
            may have been done all the same, where only the answer was lost.
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

    def load(self, name: str) -> State:
        """What was last kept under this name."""

    def update(self, changes: Mapping[str, Change]) -> None:
        """Change what is kept under these names, as if nobody else did so at the same time.

        Meant for what is little, changes often and may be forgotten: where the machine of the database loses
        its power, the last second may be lost.
        """

    def changed(self) -> bool:
        """Whether anybody else changed keys or money since this was last asked. Of what else was written it
        may tell or not. Costs next to nothing."""

    def close(self) -> None: ...
