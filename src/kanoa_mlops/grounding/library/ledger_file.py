"""A ledger in a file of SQLite, which several processes of a machine may have."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kanoa_mlops.database import Words, open_database, told, transaction
from kanoa_mlops.errors import ArchiveBusy, ArchiveUnusable
from kanoa_mlops.grounding.library.ledger_place import Execute

_BUSY_SECONDS = 10.0
_WORDS = Words(
    name="The list of attached files",
    unusable=ArchiveUnusable,
    busy=ArchiveBusy,
    elsewhere="Set KANOA_MLOPS_STATE_DIR to a folder on a local disk.",
    damaged="Move {path} away and attach again what was on its way; what is in the collections stays.",
)
_MIGRATIONS = (
    """
CREATE TABLE attachments (
    collection TEXT NOT NULL, file TEXT NOT NULL, owner TEXT NOT NULL, batch TEXT NOT NULL,
    status TEXT NOT NULL, fault TEXT, message TEXT NOT NULL DEFAULT '', attributes TEXT NOT NULL, cut TEXT,
    created REAL NOT NULL, stored INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    claim TEXT NOT NULL DEFAULT '', until REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (collection, file)
) WITHOUT ROWID;
CREATE INDEX waiting ON attachments (owner, created) WHERE status = 'in_progress';
CREATE INDEX of_batch ON attachments (batch);
CREATE TABLE batches (
    id TEXT PRIMARY KEY, collection TEXT NOT NULL, created REAL NOT NULL, cancelled INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
""",
)


class LedgerFile:
    """A `LedgerPlace` for all threads of a process."""

    def __init__(self, path: Path | None = None) -> None:
        """
        Args:
            path: without one it is kept in memory.

        Raises:
            ArchiveUnusable: no right to write it, damaged, or written by a newer version.
            ArchiveBusy: another process held it for longer.
            DiskFull: there is no room for it.
        """
        self._path = path or Path(":memory:")
        self._lock = threading.RLock()
        self._connection = _opened(path)
        # What is deleted is overwritten; the log beside the file may still have it.
        self._connection.execute("PRAGMA secure_delete = ON")
        self._unwiped = False

    def rows(self, sql: str, **values: object) -> Sequence[tuple[Any, ...]]:
        with self._lock, told(self._path, _WORDS):
            return self._execute(sql, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[Execute]:
        with self._lock, told(self._path, _WORDS):
            with transaction(self._connection):
                yield self._execute
            self._wipe()

    def forgotten(self) -> None:
        with self._lock, told(self._path, _WORDS):
            self._unwiped = True
            self._wipe()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _execute(self, sql: str, values: Mapping[str, object]) -> sqlite3.Cursor:
        return self._connection.execute(sql, {**values, "now": time.time()})

    def _wipe(self) -> None:
        """Another process may hold the log: next time, then."""
        if self._unwiped:
            (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._unwiped = bool(busy)


def _opened(path: Path | None) -> sqlite3.Connection:
    if path:
        return open_database(path, _MIGRATIONS, _WORDS, patience=_BUSY_SECONDS)
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    for script in _MIGRATIONS:
        connection.executescript(script)
    return connection
