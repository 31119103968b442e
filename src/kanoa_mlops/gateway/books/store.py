"""What the gateway needs of whatever keeps its books. SQLite does it for the gateways of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kanoa_mlops.gateway.books.key import Key


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

    def changed(self) -> bool:
        """Whether anybody else wrote since this was last asked. Costs next to nothing."""

    def close(self) -> None: ...
