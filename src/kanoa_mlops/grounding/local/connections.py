"""The connections to the file: one that writes, and some that read, for any number of threads."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kanoa_mlops.database import Words, open_database, told, transaction
from kanoa_mlops.errors import ArchiveBusy, ArchiveUnusable
from kanoa_mlops.grounding.local.schema import MIGRATIONS

_WORDS = Words(
    name="The archive of documents",
    unusable=ArchiveUnusable,
    busy=ArchiveBusy,
    elsewhere="Set KANOA_MLOPS_STATE_DIR to a folder on a local disk.",
    damaged="Move the file away and add the folders again (`kanoa-mlops ground add`); "
    "`sqlite3 {path} .recover` shows what can be saved of uploaded files.",
)
_LARGEST_LOG = 2**24  # bytes of the -wal that stay once it was written into the file


class Connections:
    """Opened when they are needed; those that read are used again."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience
        self._lock = threading.Lock()
        self._idle: deque[sqlite3.Connection] = deque()
        self._writer = self._opened()
        self._unwiped = True  # by a process that was killed, perhaps
        with self._lock, told(path, _WORDS):
            self._wipe()

    def close(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().close()
            self._writer.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """As the file is now, until the end, whatever is written meanwhile."""
        with told(self._path, _WORDS):
            connection = self._borrowed()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._idle.append(connection)

    @contextmanager
    def writing(self, *, again: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing.

        Args:
            again: it can be had again, should a power cut take what was written in the last seconds; so
                nobody waits for the disk. A process that is killed loses nothing.
        """
        with self._lock, told(self._path, _WORDS):
            self._writer.execute(f"PRAGMA synchronous = {'NORMAL' if again else 'FULL'}")
            with transaction(self._writer):
                yield self._writer
            self._wipe()

    def deleted(self) -> None:
        """Within a transaction that writes: what it deletes can be read from no file once it ends."""
        self._unwiped = True

    def _wipe(self) -> None:
        """The log beside the file has pages as they were before. A reader may hold it: next time, then."""
        if self._unwiped:
            (busy, _, _) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._unwiped = bool(busy)

    def _borrowed(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        connection = open_database(self._path, MIGRATIONS, _WORDS, patience=self._patience)
        with told(self._path, _WORDS):
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA temp_store = MEMORY")  # no copies in files of their own
            connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_LOG}")
        return connection
