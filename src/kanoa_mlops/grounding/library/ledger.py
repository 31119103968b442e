"""What is to become of attached files, in a file of SQLite that outlives the process.

It is the queue as well: a worker claims a row for some seconds and renews that while it lives, so what a
killed one left is taken up by whoever looks next.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kanoa_mlops.errors import DiskFull, Failure
from kanoa_mlops.grounding.library.attachment import Attachment, Batch, Counts, Cut, Fault, Status, Wanted
from kanoa_mlops.grounding.library.ids import new_id

CLAIM_SECONDS = 20.0
"""After which a worker that was not heard of is taken for dead."""
_BUSY_SECONDS = 10.0
_VERSION = 1
_SCHEMA = """
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
) WITHOUT ROWID;
"""
_COLUMNS = "collection, file, status, created, attributes, cut, batch, fault, message"
_ATTACH = (
    "INSERT INTO attachments (collection, file, owner, batch, status, attributes, cut, created) "
    "VALUES (?, ?, ?, ?, 'in_progress', ?, ?, ?) ON CONFLICT (collection, file) DO UPDATE SET "
    "owner = excluded.owner, batch = excluded.batch, status = 'in_progress', fault = NULL, message = '', "
    "attributes = excluded.attributes, cut = excluded.cut, created = excluded.created, tries = 0, claim = ''"
)
_FREE = "status = 'in_progress' AND (claim = '' OR until < :now)"
_CLAIM = (
    "UPDATE attachments SET claim = :claim, until = :until, tries = tries + 1 "
    f"WHERE collection = :collection AND file = :file AND {_FREE}"
)


@dataclass(frozen=True)
class Claim:
    """A worker's, of one attachment."""

    id: str
    attachment: Attachment
    owner: str
    tries: int
    """Times it was begun, this one included."""


class Ledger:
    """One of these serves all threads; several processes may have the same file."""

    def __init__(self, path: Path | None = None) -> None:
        """
        Args:
            path: without one it is kept in memory.

        Raises:
            Failure: the file is damaged, or of a newer version.
            DiskFull: there is no room for it.
        """
        self._lock = threading.RLock()
        self._connection = _opened(path)

    def attach(
        self, collection_id: str, owner: str, wanted: Sequence[Wanted], *, batch: bool = False
    ) -> tuple[str, Sequence[Attachment]]:
        """The id of the batch, empty where none is asked for, and what is in progress from now on."""
        batch_id, now = new_id("vsfb_")
        with self._writing() as connection:
            if batch:
                connection.execute(
                    "INSERT INTO batches (id, collection, created) VALUES (?, ?, ?)",
                    (batch_id, collection_id, now),
                )
            for each in wanted:
                attributes, cut = json.dumps(each.attributes), each.cut and json.dumps(asdict(each.cut))
                row = (collection_id, each.file_id, owner, batch_id if batch else "", attributes, cut, now)
                connection.execute(_ATTACH, row)
        id = batch_id if batch else ""
        return id, [
            Attachment(collection_id, each.file_id, "in_progress", now, each.attributes, each.cut, id)
            for each in wanted
        ]

    def of(self, collection_id: str) -> Sequence[Attachment]:
        return self._attachments("collection = ?", collection_id)

    def of_batch(self, batch_id: str) -> Sequence[Attachment]:
        return self._attachments("batch = ?", batch_id)

    def find(self, collection_id: str, file_id: str) -> Attachment | None:
        found = self._attachments("collection = ? AND file = ?", collection_id, file_id)
        return found[0] if found else None

    def waiting(self, owner: str | None = None) -> int:
        """Files in progress, of one owner or of all."""
        sql = "SELECT count(*) FROM attachments WHERE status = 'in_progress' AND owner = coalesce(?, owner)"
        return int(self._rows(sql, owner)[0][0])

    def counts(self, collection_id: str) -> tuple[Counts, int]:
        """Of those in the ledger, and how many of those in progress have their document in the archive."""
        sql = "SELECT status, count(*), sum(stored) FROM attachments WHERE collection = ? GROUP BY status"
        rows = self._rows(sql, collection_id)
        stored = sum(row[2] for row in rows if row[0] == "in_progress")
        return Counts(**{row[0]: row[1] for row in rows}), stored

    def batch(self, batch_id: str) -> Batch | None:
        rows = self._rows("SELECT id, collection, created, cancelled FROM batches WHERE id = ?", batch_id)
        if not rows:
            return None
        sql = "SELECT status, count(*) FROM attachments WHERE batch = ? GROUP BY status"
        counts = Counts(**dict(self._rows(sql, batch_id)))
        id, collection_id, created_at, cancelled = rows[0]
        return Batch(id, collection_id, created_at, bool(cancelled), counts)

    def cancel(self, batch_id: str) -> None:
        """What of it was not begun; what a worker has, it comes to an end with."""
        with self._writing() as connection:
            connection.execute("UPDATE batches SET cancelled = 1 WHERE id = ?", (batch_id,))
            sql = f"UPDATE attachments SET status = 'cancelled' WHERE batch = :batch AND {_FREE}"
            connection.execute(sql, {"batch": batch_id, "now": time.time()})

    def describe(self, collection_id: str, file_id: str, attributes: Mapping[str, Any]) -> None:
        """Other attributes from now on."""
        sql = "UPDATE attachments SET attributes = ? WHERE collection = ? AND file = ?"
        with self._writing() as connection:
            connection.execute(sql, (json.dumps(attributes), collection_id, file_id))

    def forget(self, collection_id: str, file_id: str | None = None) -> bool:
        """One file of it, or all. Whether there was anything."""
        with self._writing() as connection:
            sql = "DELETE FROM attachments WHERE collection = ? AND file = coalesce(?, file)"
            gone = connection.execute(sql, (collection_id, file_id)).rowcount
            if file_id is None:
                connection.execute("DELETE FROM batches WHERE collection = ?", (collection_id,))
        return gone > 0

    # What a worker calls:

    def owners(self) -> Sequence[str]:
        """Those who have something to be claimed; who waits longest first."""
        sql = f"SELECT owner FROM attachments WHERE {_FREE} GROUP BY owner ORDER BY min(created)"
        return [row[0] for row in self._rows(sql, {"now": time.time()})]

    def claim(self, owner: str) -> Claim | None:
        """The oldest that this owner has waiting; for `CLAIM_SECONDS`, unless it is renewed."""
        now, id = time.time(), os.urandom(12).hex()
        oldest = (
            f"SELECT {_COLUMNS}, tries FROM attachments WHERE owner = :owner AND {_FREE} "
            "ORDER BY created, file LIMIT 1"
        )
        with self._writing() as connection:
            for row in connection.execute(oldest, {"owner": owner, "now": now}).fetchall():
                attachment = _attachment(row[:-1])
                connection.execute(
                    _CLAIM,
                    {
                        "claim": id,
                        "until": now + CLAIM_SECONDS,
                        "now": now,
                        "collection": attachment.collection_id,
                        "file": attachment.file_id,
                    },
                )
                return Claim(id, attachment, owner, row[-1] + 1)
        return None

    def renew(self, claim: Claim) -> bool:
        """Whether it is still this worker's: else the file was taken out, or attached anew."""
        return self._claimed(claim, "until = ?", time.time() + CLAIM_SECONDS)

    def stored(self, claim: Claim) -> bool:
        """Its document is in the archive. As for `renew`."""
        return self._claimed(claim, "stored = 1")

    def finish(self, claim: Claim, status: Status, fault: Fault | None = None, message: str = "") -> bool:
        """As for `renew`."""
        changes = "claim = '', status = ?, fault = ?, message = ?, stored = ?"
        return self._claimed(claim, changes, status, fault, message, status == "completed")

    def release(self, claim: Claim) -> None:
        """Undone, for whoever comes next; this did not count as a try."""
        self._claimed(claim, "claim = '', tries = tries - 1")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _claimed(self, claim: Claim, changes: str, *values: object) -> bool:
        attachment = claim.attachment
        sql = f"UPDATE attachments SET {changes} WHERE collection = ? AND file = ? AND claim = ?"
        with self._writing() as connection:
            row = (*values, attachment.collection_id, attachment.file_id, claim.id)
            return connection.execute(sql, row).rowcount == 1

    def _attachments(self, where: str, *values: str) -> Sequence[Attachment]:
        rows = self._rows(f"SELECT {_COLUMNS} FROM attachments WHERE {where}", *values)
        return [_attachment(row) for row in rows]

    def _rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        given = values[0] if values and isinstance(values[0], dict) else values
        with self._lock, _told():
            return self._connection.execute(sql, given).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")


def _attachment(row: Sequence[Any]) -> Attachment:
    collection, file, status, created, attributes, cut, batch, fault, message = row
    return Attachment(
        collection,
        file,
        status,
        created,
        json.loads(attributes),
        Cut(**json.loads(cut)) if cut else None,
        batch,
        fault,
        message,
    )


def _opened(path: Path | None) -> sqlite3.Connection:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    with _told():
        connection = sqlite3.connect(
            path or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        # What was forgotten is overwritten, and no log beside the file still has it.
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")
        [(version,)] = connection.execute("PRAGMA user_version").fetchall()
        if version > _VERSION:
            raise Failure(f"{path} is of a newer version of kanoa-mlops.", hint="Upgrade kanoa-mlops.")
        if version < _VERSION:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    return connection


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise DiskFull("There is no room for the list of attached files.") from error
        raise Failure(f"The list of attached files cannot be used: {error}.") from error
