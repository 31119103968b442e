"""What a trouble with the server means to who keeps collections in it."""

from __future__ import annotations

from kanoa_mlops.errors import ArchiveBusy, ArchiveUnusable, DiskFull, KanoaError
from kanoa_mlops.postgres import Trouble


def told(name: str, trouble: Trouble, words: str) -> KanoaError:
    """
    Args:
        name: of the database.
        words: the server's.
    """
    match trouble:
        case Trouble.FULL:
            return DiskFull(f"{name} cannot grow: the disk is full.", hint="Free some room there.")
        case Trouble.FORBIDDEN:
            return ArchiveUnusable(
                f"{name} cannot be read and written: {words}.",
                hint="It needs a server that may be written, and a user who may create a schema in it.",
            )
        case Trouble.DAMAGED:
            return ArchiveUnusable(f"{name} is damaged: {words}.", hint="See the server's own log.")
        case Trouble.BUSY:
            return ArchiveBusy(f"{name} is held by others: {words}.", hint="Try again.")
        case Trouble.AWAY:
            return ArchiveBusy(
                f"{name} cannot be reached: {words}.",
                hint="See that it runs, and that KANOA_MLOPS_COLLECTIONS and its password are right.",
            )
