"""What a trouble with the server means to who keeps collections in it."""

from __future__ import annotations

from kanoa_mlops.errors import ArchiveBusy, ArchiveUnusable, KanoaError
from kanoa_mlops.postgres import Trouble, in_words


def told(name: str, trouble: Trouble, words: str) -> KanoaError:
    """
    Args:
        name: of the database.
        words: the server's.
    """
    return in_words(
        trouble, name, words, unusable=ArchiveUnusable, busy=ArchiveBusy, setting="KANOA_MLOPS_COLLECTIONS"
    )
