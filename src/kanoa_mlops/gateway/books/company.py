"""Whether this gateway is alone with its books on this machine, or others have them open too.

Two empty files beside the books, and locks on them that the system takes back from whoever dies. Who is alone
holds the first one for itself; those who are several hold it together. Who comes to one that is alone holds
the second one meanwhile, where it is seen, and is let in once what was counted in memory is written.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from kanoa_mlops.errors import BooksUnusable


class Company:
    """For one thread. Nothing here waits."""

    def __init__(self, books: Path) -> None:
        """
        Args:
            books: the file that they are in; its folder must be there.

        Raises:
            BooksUnusable: no file can be made beside it.
        """
        self._door = _opened(books.with_name(f"{books.name}-gateways"))
        self._bell = _opened(books.with_name(f"{books.name}-waiting"))
        self.alone = False
        self.within = False
        """Whether what is in the books may be used: this one is alone, or all others use it as well."""

    def enter(self) -> bool:
        """To be called until it gives True; rings meanwhile."""
        self.alone = _locked(self._door, fcntl.LOCK_EX)
        self.within = self.alone or _locked(self._door, fcntl.LOCK_SH)
        if self.within:
            fcntl.flock(self._bell, fcntl.LOCK_UN)
        else:
            _locked(self._bell, fcntl.LOCK_SH)
        return self.within

    def is_awaited(self) -> bool:
        """Somebody rings. To be asked by one that is alone."""
        if not _locked(self._bell, fcntl.LOCK_EX):
            return True
        fcntl.flock(self._bell, fcntl.LOCK_UN)
        return False

    def let_in(self) -> None:
        """No longer alone."""
        self.alone = False
        # To share what one holds is never refused, but another that tries to be alone may be between.
        self.within = _locked(self._door, fcntl.LOCK_SH)

    def leave(self) -> None:
        self.alone = self.within = False
        for file in (self._door, self._bell):
            with suppress(OSError):
                os.close(file)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BooksUnusable(
            f"The gateway's books cannot be shared: {path} cannot be written: {error.strerror}.",
            hint="It needs a folder on a local disk that this user may write.",
        ) from error


def _locked(file: int, kind: int) -> bool:
    """Where it is refused, nothing is held any more."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
