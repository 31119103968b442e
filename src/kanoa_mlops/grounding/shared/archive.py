"""An `Archive` in a Postgres."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from kanoa_mlops.errors import ArchiveBusy, ArchiveUnusable, DiskFull
from kanoa_mlops.grounding.archive import Collection, File, Held, Stats
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.local.question import Question
from kanoa_mlops.grounding.local.rows import (
    COLLECTION_COLUMNS,
    collection_of,
    name_taken,
    row_of_collection,
    unknown_collection,
)
from kanoa_mlops.grounding.postgres.server import Server
from kanoa_mlops.grounding.shared import documents, uploads, vectors
from kanoa_mlops.grounding.shared.extension import extension
from kanoa_mlops.grounding.shared.nearest import SETTINGS
from kanoa_mlops.grounding.shared.schema import SCHEMA, migrate
from kanoa_mlops.grounding.shared.searching import search
from kanoa_mlops.grounding.shared.state import State, hold, look
from kanoa_mlops.grounding.shared.sweeping import sweep
from kanoa_mlops.grounding.shared.told import told
from kanoa_mlops.grounding.types import Chunk, Document, Passage, Ranking, Space
from kanoa_mlops.postgres import Address, Connection

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

_log = logging.getLogger(__name__)

_CREATE = f"INSERT INTO collections ({COLLECTION_COLUMNS}) VALUES ({', '.join(['%s'] * 12)})"
_COLLECTIONS = f"SELECT {COLLECTION_COLUMNS} FROM collections ORDER BY created_at, number"
_CHANGE = (
    "UPDATE collections SET name = %s, readers = %s, shareable = %s, attributes = %s, used_at = %s, "
    "expires_days = %s WHERE id = %s"
)
_LOT = 256
"""Chunks that are handed out together to be embedded."""
_INDEX_SECONDS = 600.0
"""For which the server may be silent while it makes an index."""


class SharedArchive:
    """For all threads of a process, and for any number of gateways at once."""

    def __init__(self, url: str, password_file: Path | None = None, *, patience: float = 15.0) -> None:
        """
        Args:
            url: postgresql://user@host:5432/database.
            password_file: its first line is the password, read again at each new connection.
            patience: seconds to wait for others that change the same collection.

        Raises:
            SettingsError: no address.
            ArchiveUnusable: no right to write it, damaged, or written by a newer version.
            ArchiveBusy: it is not reached, or others held it for longer.
            DiskFull: there is no room for it.
        """
        address = Address(url, password_file)
        self._name = f"The collections' {address}"
        settings = {
            "search_path": f"{SCHEMA}, public",
            "lock_timeout": f"{max(1, round(1000 * patience))}ms",
            "statement_timeout": "20s",
            "idle_in_transaction_session_timeout": "60s",
            **SETTINGS,
        }
        self._server = Server(address, settings=settings, told=partial(told, self._name), writes=True)
        try:
            with self._server.lent() as connection:
                migrate(connection, self._name)
                self._extension = extension(connection)
        except BaseException:
            self._server.close()
            raise
        if self.lacking:
            _log.warning("%s", self.lacking)
        elif self._extension.schema not in (SCHEMA, "public"):
            self._server.close()
            settings["search_path"] += f', "{self._extension.schema}"'

    @property
    def lacking(self) -> str:
        """Why its collections are found by words alone; empty where they are not."""
        if not self._extension.lacking:
            return ""
        return f"{self._name} keeps no vectors, so that words alone are found: {self._extension.lacking}."

    def close(self) -> None:
        self._server.close()

    def create(self, collection: Collection) -> None:
        with self._naming(collection), self._server.transaction() as connection:
            connection.execute(_CREATE.encode(), row_of_collection(collection))
            look(connection, collection.id).tables.make(connection)

    def collections(self) -> Sequence[Collection]:
        with self._server.lent() as connection:
            return [collection_of(row) for row in connection.execute(_COLLECTIONS.encode()).fetchall()]

    def change(self, collection: Collection) -> None:
        _, name, _, readers, _, shareable, _, _, attributes, _, used, days = row_of_collection(collection)
        row = (name, readers, shareable, attributes, used, days, collection.id)
        with self._naming(collection), self._server.lent() as connection:
            if not connection.execute(_CHANGE, row).rowcount:
                raise unknown_collection(collection.id)

    def remove(self, collection_id: str) -> None:
        with self._holding(collection_id) as (connection, state):
            connection.execute("DELETE FROM collections WHERE number = %s", (state.number,))
            state.tables.remove(connection)
        self._sweep("collections")

    def put(self, collection_id: str, document: Document) -> None:
        said = documents.terms_of(document)
        with self._holding(collection_id) as (connection, state):
            documents.put(connection, state, document, said)

    def drop(self, collection_id: str, sources: Sequence[str]) -> int:
        with self._holding(collection_id) as (connection, state):
            dropped = documents.drop(connection, state, sources)
        if dropped:
            self._sweep(*state.tables.kinds(state.space))
        return dropped

    def held(self, collection_id: str) -> Sequence[Held]:
        with self._looking(collection_id) as (connection, state):
            return documents.held(connection, state)

    def chunks(self, collection_id: str, source: str) -> Sequence[Chunk]:
        with self._looking(collection_id) as (connection, state):
            return documents.chunks(connection, state, source)

    def stats(self, collection_id: str) -> Stats:
        with self._looking(collection_id) as (connection, state):
            return documents.stats(connection, state)

    def unembedded(self, collection_id: str, space: Space) -> Iterator[Sequence[Chunk]]:
        # No connection is held while a lot is being embedded, which takes minutes.
        last = 0
        while not self._extension.lacking:
            with self._looking(collection_id) as (connection, state):
                last, lot = vectors.pending(connection, state, space, last, _LOT)
            if not lot:
                return
            yield lot

    def embed(self, collection_id: str, space: Space, chunk_ids: Sequence[str], vectors_: Vectors) -> None:
        if self._extension.lacking:
            raise ArchiveUnusable(
                self.lacking,
                hint="Its owner installs pgvector 0.8 or newer and says: CREATE EXTENSION vector.",
            )
        with self._holding(collection_id, _INDEX_SECONDS) as (connection, state):
            vectors.embed(connection, state, space, chunk_ids, vectors_)

    def forget_vectors(self, collection_id: str) -> None:
        with self._holding(collection_id) as (connection, state):
            vectors.forget(connection, state)

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
        with self._looking(collection_id) as (connection, state):
            return search(connection, state, Question(query, vector, k, filters, ranking or Ranking()))

    def add_file(self, file: File, content: bytes) -> None:
        with self._server.lent() as connection:
            uploads.add(connection, file, content)

    def files(self) -> Sequence[File]:
        with self._server.lent() as connection:
            return uploads.files(connection)

    def content(self, file_id: str) -> bytes:
        with self._server.lent() as connection:
            return uploads.content(connection, file_id)

    def remove_file(self, file_id: str) -> None:
        with self._server.lent() as connection:
            uploads.remove(connection, file_id)
        self._sweep("files")

    @contextmanager
    def _looking(self, collection_id: str) -> Iterator[tuple[Connection, State]]:
        with self._server.lent() as connection, self._there(collection_id):
            yield connection, look(connection, collection_id)

    @contextmanager
    def _holding(self, collection_id: str, seconds: float = 25.0) -> Iterator[tuple[Connection, State]]:
        with self._server.transaction(seconds) as connection:
            yield connection, hold(connection, collection_id)

    @contextmanager
    def _there(self, collection_id: str) -> Iterator[None]:
        """It may go between the look at it and the look into it."""
        try:
            yield
        except psycopg.errors.UndefinedTable as error:
            raise unknown_collection(collection_id) from error

    @contextmanager
    def _naming(self, collection: Collection) -> Iterator[None]:
        try:
            yield
        except psycopg.errors.UniqueViolation as error:
            raise name_taken(collection.name) from error

    def _sweep(self, *tables: str) -> None:
        # What was asked for is done. What is left to sweep, Postgres itself does later.
        with (
            suppress(ArchiveBusy, ArchiveUnusable, DiskFull),
            self._server.lent(_INDEX_SECONDS) as connection,
        ):
            sweep(connection, tables)
