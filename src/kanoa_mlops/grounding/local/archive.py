"""An `Archive` in one file of SQLite."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kanoa_mlops.grounding.archive import Collection, File, Held, Stats
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.local import documents, embedding, plain, uploads
from kanoa_mlops.grounding.local.connections import Connections
from kanoa_mlops.grounding.local.found import passages
from kanoa_mlops.grounding.local.keeper import Keeper
from kanoa_mlops.grounding.local.question import Question
from kanoa_mlops.grounding.local.rows import (
    COLLECTION_COLUMNS,
    PLACES,
    collection_of,
    name_taken,
    row_of_collection,
    unknown_collection,
)
from kanoa_mlops.grounding.types import Chunk, Document, Passage, Ranking, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

_CREATE = f"INSERT INTO collections ({COLLECTION_COLUMNS}) VALUES ({', '.join('?' * 12)})"
_COLLECTIONS = f"SELECT {COLLECTION_COLUMNS} FROM collections ORDER BY created_at, number"
_CHANGE = (
    "UPDATE collections SET name = ?, readers = ?, shareable = ?, attributes = ?, used_at = ?, "
    "expires_days = ? WHERE id = ?"
)
_HAS_NUMPY = importlib.util.find_spec("numpy") is not None
_LOT = 256
"""Chunks that are handed out together to be embedded."""


class LocalArchive:
    """For all threads of a process, and beside other processes that have the same file open."""

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        """
        Args:
            patience: seconds to wait for another process that is writing.

        Raises:
            ArchiveUnusable: no right to write it, damaged, or written by a newer version.
            ArchiveBusy: another process held it for longer.
            DiskFull: there is no room for it.
        """
        self._file = Connections(path, patience)
        self._keeper = Keeper()

    def close(self) -> None:
        self._file.close()

    def create(self, collection: Collection) -> None:
        try:
            with self._file.writing() as connection:
                connection.execute(_CREATE, row_of_collection(collection))
        except sqlite3.IntegrityError as error:
            raise name_taken(collection.name) from error

    def collections(self) -> Sequence[Collection]:
        with self._file.reading() as connection:
            return [collection_of(row) for row in connection.execute(_COLLECTIONS)]

    def change(self, collection: Collection) -> None:
        _, name, _, readers, _, shareable, _, _, attributes, _, used, days = row_of_collection(collection)
        row = (name, readers, shareable, attributes, used, days, collection.id)
        try:
            with self._file.writing() as connection:
                if not connection.execute(_CHANGE, row).rowcount:
                    raise unknown_collection(collection.id)
        except sqlite3.IntegrityError as error:
            raise name_taken(collection.name) from error

    def remove(self, collection_id: str) -> None:
        with self._file.writing() as connection:
            number = _number(connection, collection_id)
            rows = connection.execute("SELECT number FROM documents WHERE collection = ?", (number,))
            self._file.deleted()
            documents.delete(connection, number, [document for (document,) in rows.fetchall()])
            connection.execute("DELETE FROM collections WHERE number = ?", (number,))
        self._keeper.forget(collection_id, number)

    def put(self, collection_id: str, document: Document) -> None:
        postings = documents.packed(document)
        # One of a folder is read again, as its digest is missing then; an uploaded one would be missed.
        with self._file.writing(again=not document.file_id) as connection:
            if documents.put(connection, _number(connection, collection_id), document, postings):
                self._file.deleted()

    def drop(self, collection_id: str, sources: Sequence[str]) -> int:
        with self._file.writing() as connection:
            self._file.deleted()
            return documents.drop(connection, _number(connection, collection_id), sources)

    def held(self, collection_id: str) -> Sequence[Held]:
        with self._file.reading() as connection:
            return documents.held(connection, _number(connection, collection_id))

    def chunks(self, collection_id: str, source: str) -> Sequence[Chunk]:
        with self._file.reading() as connection:
            return documents.chunks(connection, _number(connection, collection_id), source)

    def stats(self, collection_id: str) -> Stats:
        with self._file.reading() as connection:
            return documents.stats(connection, _number(connection, collection_id))

    def unembedded(self, collection_id: str, space: Space) -> Iterator[Sequence[Chunk]]:
        # No transaction is open while a lot is being embedded, which takes minutes.
        last = 0
        while numbers := self._pending(collection_id, space, last):
            for start in range(0, len(numbers), _LOT):
                with self._file.reading() as connection:
                    lot = embedding.lot(connection, numbers[start : start + _LOT])
                if lot:
                    yield lot
            last = numbers[-1] // PLACES

    def embed(self, collection_id: str, space: Space, chunk_ids: Sequence[str], vectors: Vectors) -> None:
        with self._file.writing(again=True) as connection:
            embedding.embed(connection, _number(connection, collection_id), space, chunk_ids, vectors)

    def forget_vectors(self, collection_id: str) -> None:
        with self._file.writing() as connection:
            self._file.deleted()
            embedding.forget(connection, _number(connection, collection_id))

    def search(
        self,
        collection_id: str,
        query: str,
        vector: Vectors | None,
        *,
        k: int = 5,
        filters: Filter | None = None,
        ranking: Ranking | None = None,
    ) -> Sequence[Passage]:
        question = Question(query, vector, k, filters, ranking or Ranking())
        with self._file.reading() as connection:
            if not _HAS_NUMPY:
                return passages(
                    connection, plain.best(connection, _number(connection, collection_id), question)
                )
            with self._keeper.turn(collection_id):
                memory = self._keeper.get(connection, _number(connection, collection_id))
            return passages(connection, self._keeper.best(memory, question))

    def add_file(self, file: File, content: bytes) -> None:
        with self._file.writing() as connection:
            uploads.add(connection, file, content)

    def files(self) -> Sequence[File]:
        with self._file.reading() as connection:
            return uploads.files(connection)

    def content(self, file_id: str) -> bytes:
        with self._file.reading() as connection:
            return uploads.content(connection, file_id)

    def remove_file(self, file_id: str) -> None:
        with self._file.writing() as connection:
            self._file.deleted()
            uploads.remove(connection, file_id)

    def _pending(self, collection_id: str, space: Space, last: int) -> list[int]:
        with self._file.reading() as connection:
            return embedding.pending(connection, _number(connection, collection_id), space, last)


def _number(connection: sqlite3.Connection, collection_id: str) -> int:
    row = connection.execute("SELECT number FROM collections WHERE id = ?", (collection_id,)).fetchone()
    if row is None:
        raise unknown_collection(collection_id)
    return int(row[0])
