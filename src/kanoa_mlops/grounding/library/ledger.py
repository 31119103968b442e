"""What is to become of attached files, where it outlives the process.

It is the queue as well: a worker claims a row for some seconds and renews that while it lives, so what a
killed one left is taken up by whoever looks next.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kanoa_mlops.grounding.library.attachment import Attachment, Batch, Counts, Cut, Fault, Status, Wanted
from kanoa_mlops.grounding.library.ids import new_id
from kanoa_mlops.grounding.library.ledger_file import LedgerFile
from kanoa_mlops.grounding.library.ledger_place import LedgerPlace

CLAIM_SECONDS = 20.0
"""After which a worker that was not heard of is taken for dead."""
_COLUMNS = "collection, file, status, created, attributes, cut, batch, fault, message"
_ATTACH = (
    "INSERT INTO attachments (collection, file, owner, batch, status, attributes, cut, created) "
    "VALUES (:collection, :file, :owner, :batch, 'in_progress', :attributes, :cut, :created) "
    "ON CONFLICT (collection, file) DO UPDATE SET "
    "owner = excluded.owner, batch = excluded.batch, status = 'in_progress', fault = NULL, message = '', "
    "attributes = excluded.attributes, cut = excluded.cut, created = excluded.created, tries = 0, claim = ''"
)
_BATCH = "INSERT INTO batches (id, collection, created) VALUES (:id, :collection, :created)"
_FREE = "status = 'in_progress' AND (claim = '' OR until < :now)"
_OLDEST = (
    f"SELECT {_COLUMNS}, tries FROM attachments "
    f"WHERE owner = :owner AND {_FREE} ORDER BY created, file LIMIT 1"
)
_CLAIM = (
    "UPDATE attachments SET claim = :claim, until = :now + :seconds, tries = tries + 1 "
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
    """One of these serves all threads; several processes may have the same place.

    What its place raises, it raises: ArchiveBusy, ArchiveUnusable, DiskFull.
    """

    def __init__(self, place: LedgerPlace | Path | None = None) -> None:
        """
        Args:
            place: closed with the ledger. A path is a file of this machine; without a place it is kept in
                memory.
        """
        self._place = LedgerFile(place) if place is None or isinstance(place, Path) else place

    def attach(
        self, collection_id: str, owner: str, wanted: Sequence[Wanted], *, batch: bool = False
    ) -> tuple[str, Sequence[Attachment]]:
        """The id of the batch, empty where none is asked for, and what is in progress from now on."""
        batch_id, now = new_id("vsfb_")
        with self._place.writing() as execute:
            if batch:
                execute(_BATCH, {"id": batch_id, "collection": collection_id, "created": now})
            # In one order, so that two who attach the same wait for each other and not in a circle.
            for each in sorted(wanted, key=lambda each: each.file_id):
                row = {
                    "collection": collection_id,
                    "file": each.file_id,
                    "owner": owner,
                    "batch": batch_id if batch else "",
                    "attributes": json.dumps(each.attributes),
                    "cut": each.cut and json.dumps(asdict(each.cut)),
                    "created": now,
                }
                execute(_ATTACH, row)
        id = batch_id if batch else ""
        return id, [
            Attachment(collection_id, each.file_id, "in_progress", now, each.attributes, each.cut, id)
            for each in wanted
        ]

    def of(self, collection_id: str) -> Sequence[Attachment]:
        return self._attachments("collection = :collection", collection=collection_id)

    def of_batch(self, batch_id: str) -> Sequence[Attachment]:
        return self._attachments("batch = :batch", batch=batch_id)

    def find(self, collection_id: str, file_id: str) -> Attachment | None:
        where = "collection = :collection AND file = :file"
        found = self._attachments(where, collection=collection_id, file=file_id)
        return found[0] if found else None

    def waiting(self, owner: str | None = None) -> int:
        """Files in progress, of one owner or of all."""
        sql = "SELECT count(*) FROM attachments WHERE status = 'in_progress'"
        rows = self._place.rows(sql if owner is None else f"{sql} AND owner = :owner", owner=owner)
        return int(rows[0][0])

    def counts(self, collection_id: str) -> tuple[Counts, int]:
        """Of those in the ledger, and how many of those in progress have their document in the archive."""
        sql = (
            "SELECT status, count(*), sum(stored) FROM attachments WHERE collection = :collection "
            "GROUP BY status"
        )
        rows = self._place.rows(sql, collection=collection_id)
        stored = sum(row[2] for row in rows if row[0] == "in_progress")
        return Counts(**{row[0]: row[1] for row in rows}), stored

    def batch(self, batch_id: str) -> Batch | None:
        sql = "SELECT id, collection, created, cancelled FROM batches WHERE id = :id"
        rows = self._place.rows(sql, id=batch_id)
        if not rows:
            return None
        sql = "SELECT status, count(*) FROM attachments WHERE batch = :id GROUP BY status"
        counts = Counts(**dict(self._place.rows(sql, id=batch_id)))
        id, collection_id, created_at, cancelled = rows[0]
        return Batch(id, collection_id, created_at, bool(cancelled), counts)

    def cancel(self, batch_id: str) -> None:
        """What of it was not begun; what a worker has, it comes to an end with."""
        with self._place.writing() as execute:
            execute("UPDATE batches SET cancelled = 1 WHERE id = :batch", {"batch": batch_id})
            sql = f"UPDATE attachments SET status = 'cancelled' WHERE batch = :batch AND {_FREE}"
            execute(sql, {"batch": batch_id})

    def describe(self, collection_id: str, file_id: str, attributes: Mapping[str, Any]) -> None:
        """Other attributes from now on."""
        sql = (
            "UPDATE attachments SET attributes = :attributes WHERE collection = :collection AND file = :file"
        )
        values = {"attributes": json.dumps(attributes), "collection": collection_id, "file": file_id}
        with self._place.writing() as execute:
            execute(sql, values)

    def forget(self, collection_id: str, file_id: str | None = None) -> bool:
        """One file of it, or all. Whether there was anything."""
        values = {"collection": collection_id, "file": file_id}
        with self._place.writing() as execute:
            sql = "DELETE FROM attachments WHERE collection = :collection"
            gone = execute(sql if file_id is None else f"{sql} AND file = :file", values).rowcount
            if file_id is None:
                execute("DELETE FROM batches WHERE collection = :collection", values)
        if gone:
            self._place.forgotten()
        return gone > 0

    # What a worker calls:

    def owners(self) -> Sequence[str]:
        """Those who have something to be claimed; who waits longest first."""
        sql = f"SELECT owner FROM attachments WHERE {_FREE} GROUP BY owner ORDER BY min(created)"
        return [row[0] for row in self._place.rows(sql)]

    def claim(self, owner: str) -> Claim | None:
        """The oldest that this owner has waiting; for `CLAIM_SECONDS`, unless it is renewed."""
        id = os.urandom(12).hex()
        while oldest := self._place.rows(_OLDEST, owner=owner):
            [row] = oldest
            attachment = _attachment(row[:-1])
            values = {
                "claim": id,
                "seconds": CLAIM_SECONDS,
                "collection": attachment.collection_id,
                "file": attachment.file_id,
            }
            with self._place.writing() as execute:
                is_ours = execute(_CLAIM, values).rowcount == 1
            if is_ours:  # else another claimed it since it was read
                return Claim(id, attachment, owner, row[-1] + 1)
        return None

    def renew(self, claim: Claim) -> bool:
        """Whether it is still this worker's: else the file was taken out, or attached anew."""
        return self._claimed(claim, "until = :now + :seconds", seconds=CLAIM_SECONDS)

    def stored(self, claim: Claim) -> bool:
        """Its document is in the archive. As for `renew`."""
        return self._claimed(claim, "stored = 1")

    def finish(self, claim: Claim, status: Status, fault: Fault | None = None, message: str = "") -> bool:
        """As for `renew`."""
        changes = "claim = '', status = :status, fault = :fault, message = :message, stored = :stored"
        stored = int(status == "completed")
        # No Postgres keeps a NUL in a text.
        message = message.replace("\0", "")
        return self._claimed(claim, changes, status=status, fault=fault, message=message, stored=stored)

    def release(self, claim: Claim) -> None:
        """Undone, for whoever comes next; this did not count as a try."""
        self._claimed(claim, "claim = '', tries = tries - 1")

    def close(self) -> None:
        self._place.close()

    def _claimed(self, claim: Claim, changes: str, **values: object) -> bool:
        of = {"collection": claim.attachment.collection_id, "file": claim.attachment.file_id}
        sql = (
            f"UPDATE attachments SET {changes} WHERE collection = :collection AND file = :file "
            "AND claim = :claim"
        )
        with self._place.writing() as execute:
            return execute(sql, {**values, **of, "claim": claim.id}).rowcount == 1

    def _attachments(self, where: str, **values: object) -> Sequence[Attachment]:
        rows = self._place.rows(f"SELECT {_COLUMNS} FROM attachments WHERE {where}", **values)
        return [_attachment(row) for row in rows]


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
