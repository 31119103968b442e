"""The files of collections: what is to be taken in, what is there, and what could not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kanoa_mlops.errors import QueueFull, UnknownBatch, UnknownFile
from kanoa_mlops.grounding.archive import Archive, Collection, Held, Reader
from kanoa_mlops.grounding.filters import Value
from kanoa_mlops.grounding.library.attachment import Attachment, Batch, Counts, Wanted
from kanoa_mlops.grounding.library.files import Files
from kanoa_mlops.grounding.library.ids import file_id_of
from kanoa_mlops.grounding.library.intake import Intake
from kanoa_mlops.grounding.library.ledger import Ledger
from kanoa_mlops.grounding.library.shelves import Shelves
from kanoa_mlops.grounding.types import Chunk, Document

_MOST_WAITING = 10_000
"""Files of one owner that wait to be taken in."""


class Attachments:
    """One of these serves all threads."""

    def __init__(
        self, archive: Archive, ledger: Ledger, shelves: Shelves, files: Files, intake: Intake
    ) -> None:
        self._archive = archive
        self._ledger = ledger
        self._shelves = shelves
        self._files = files
        self._intake = intake

    @property
    def waiting(self) -> int:
        """Files that are being taken in, or wait for it."""
        return self._ledger.waiting()

    def attach(
        self, reader: Reader, collection_id: str, wanted: Sequence[Wanted], *, batch: bool = False
    ) -> tuple[str, Sequence[Attachment]]:
        """Asks for files to be taken in. The id of the batch, where one is asked for.

        Raises:
            UnknownCollection: none that this reader may change.
            UnknownFile: one is none of this reader's own.
            QueueFull: too many of theirs wait.
        """
        collection = self._shelves.own(reader, collection_id)
        self._files.require_own(reader, [each.file_id for each in wanted])
        waiting = self._ledger.waiting(reader.key_id)
        if waiting + len(wanted) > _MOST_WAITING:
            raise QueueFull(f"{waiting} files wait to be taken in, and {_MOST_WAITING} may.")
        attached = self._ledger.attach(collection.id, reader.key_id, wanted, batch=batch)
        self._intake.wake()
        return attached

    def of(self, reader: Reader, collection_id: str) -> Sequence[Attachment]:
        """All, the oldest first.

        Raises:
            UnknownCollection: none that this reader may see.
        """
        return self._of(self._shelves.collection(reader, collection_id))

    def find(self, reader: Reader, collection_id: str, file_id: str) -> Attachment:
        """
        Raises:
            UnknownCollection: none that this reader may see.
            UnknownFile: it is not in there.
        """
        for each in self.of(reader, collection_id):
            if each.file_id == file_id:
                return each
        raise _not_in_there(file_id)

    def describe(
        self, reader: Reader, collection_id: str, file_id: str, attributes: Mapping[str, Value]
    ) -> Attachment:
        """Gives it other attributes. Nothing is read or embedded anew.

        Raises:
            UnknownCollection: none that this reader may change.
            UnknownFile: it is not in there.
        """
        collection = self._shelves.own(reader, collection_id)
        found = self.find(reader, collection.id, file_id)
        self._ledger.describe(collection.id, file_id, attributes)
        if held := self._held(collection, file_id):
            chunks = self._archive.chunks(collection.id, held.source)
            self._archive.put(collection.id, _document(held, chunks, attributes))
        return replace(found, attributes=attributes)

    def remove(self, reader: Reader, collection_id: str, file_id: str) -> None:
        """Out of the collection; the file itself stays.

        Raises:
            UnknownCollection: none that this reader may change.
            UnknownFile: it is not in there.
        """
        collection = self._shelves.own(reader, collection_id)
        known = self._ledger.forget(collection.id, file_id)
        held = self._held(collection, file_id)
        if held:
            self._archive.drop(collection.id, [held.source])
        if not held and not known:
            raise _not_in_there(file_id)

    def content(self, reader: Reader, collection_id: str, file_id: str) -> Sequence[Chunk]:
        """What is found of it, in its order.

        Raises:
            UnknownCollection: none that this reader may see.
            UnknownFile: it is not in there.
        """
        collection = self._shelves.collection(reader, collection_id)
        held = self._held(collection, file_id)
        if held is None:
            self.find(reader, collection.id, file_id)
            return ()
        return self._archive.chunks(collection.id, held.source)

    def counts(self, collection: Collection) -> Counts:
        """Of its files."""
        counts, unready = self._ledger.counts(collection.id)
        completed = max(0, self._archive.stats(collection.id).documents - unready)
        return replace(counts, completed=completed)

    def batch(self, reader: Reader, collection_id: str, batch_id: str) -> Batch:
        """
        Raises:
            UnknownCollection: none that this reader may see.
            UnknownBatch: there is none of that id.
        """
        collection = self._shelves.collection(reader, collection_id)
        batch = self._ledger.batch(batch_id)
        if batch is None or batch.collection_id != collection.id:
            raise UnknownBatch(f"There is no batch {batch_id!r} of this vector store.")
        return batch

    def files_of_batch(self, reader: Reader, collection_id: str, batch_id: str) -> Sequence[Attachment]:
        """As for `batch`."""
        batch = self.batch(reader, collection_id, batch_id)
        return [each for each in self.of(reader, collection_id) if each.batch_id == batch.id]

    def cancel(self, reader: Reader, collection_id: str, batch_id: str) -> Batch:
        """What is not begun is not taken in; what is, stays.

        Raises:
            UnknownCollection: none that this reader may change.
            UnknownBatch: there is none of that id.
        """
        self._shelves.own(reader, collection_id)
        batch = self.batch(reader, collection_id, batch_id)
        self._ledger.cancel(batch.id)
        return self.batch(reader, collection_id, batch_id)

    def remove_collection(self, reader: Reader, collection_id: str) -> Collection:
        """With all that it holds; files stay.

        Raises:
            UnknownCollection: none that this reader may change.
        """
        collection = self._shelves.own(reader, collection_id)
        self._ledger.forget(collection.id)
        self._archive.remove(collection.id)
        return collection

    def _of(self, collection: Collection) -> Sequence[Attachment]:
        # In the reverse of the order in which they are written: what came into the archive since the ledger
        # was read is still in progress there, while what is said to be completed is in the archive by now.
        told = {each.file_id: each for each in self._ledger.of(collection.id)}
        held = {_id(collection, each): each for each in self._archive.held(collection.id)}
        found = [
            replace(each, bytes=held[id].bytes if id in held else 0)
            for id, each in told.items()
            if each.status != "completed" or id in held  # else it was taken out by another way
        ]
        found += [_completed(collection, id, each) for id, each in held.items() if id not in told]
        return sorted(found, key=lambda each: (each.created_at, each.file_id))

    def _held(self, collection: Collection, file_id: str) -> Held | None:
        held = self._archive.held(collection.id)
        return next((each for each in held if _id(collection, each) == file_id), None)


def _id(collection: Collection, held: Held) -> str:
    return held.file_id or file_id_of(collection.id, held.source)


def _completed(collection: Collection, id: str, held: Held) -> Attachment:
    return Attachment(collection.id, id, "completed", held.added_at, held.attributes, bytes=held.bytes)


def _document(held: Held, chunks: Sequence[Chunk], attributes: Mapping[str, Value]) -> Document:
    return Document(
        held.source,
        held.title,
        held.digest,
        tuple(chunks),
        attributes,
        held.file_id,
        held.path,
        held.bytes,
        held.modified,
        held.reader,
    )


def _not_in_there(file_id: str) -> UnknownFile:
    return UnknownFile(f"There is no file {file_id!r} in this vector store.")
