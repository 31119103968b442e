"""The tables of one collection. Its size slows no other, and with them all of it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, LiteralString

from psycopg import sql

from kanoa_mlops.grounding.types import Space
from kanoa_mlops.postgres import Connection

_MAKE: LiteralString = """
    CREATE TABLE {documents} (
        number INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        source BYTEA NOT NULL UNIQUE,
        title TEXT NOT NULL,
        digest TEXT NOT NULL,
        file_id TEXT NOT NULL,
        path BYTEA NOT NULL,
        bytes BIGINT NOT NULL,
        modified DOUBLE PRECISION NOT NULL,
        reader TEXT NOT NULL,
        attributes JSONB NOT NULL,
        added_at DOUBLE PRECISION NOT NULL,
        chunks INTEGER NOT NULL,
        embedded INTEGER NOT NULL,
        text_bytes BIGINT NOT NULL,
        said BIGINT NOT NULL,
        terms BYTEA NOT NULL
    );

    CREATE TABLE {chunks} (
        number INTEGER PRIMARY KEY,
        document INTEGER NOT NULL,
        id TEXT COLLATE "C" NOT NULL,
        text TEXT NOT NULL,
        page INTEGER,
        heading TEXT NOT NULL,
        kind TEXT NOT NULL
    );

    CREATE INDEX ON {chunks} (document);

    CREATE INDEX ON {chunks} (id);

    CREATE TABLE {words} (
        term BIGINT NOT NULL,
        segment INTEGER NOT NULL,
        postings BYTEA STORAGE EXTERNAL NOT NULL,
        PRIMARY KEY (term, segment)
    )
"""
"""`terms` of a document are those that `words` has of it, as uint32: what it takes to find them again;
`said` is how many they are, as often as they are said."""

_MAKE_VECTORS: LiteralString = """
    CREATE TABLE {vectors} (
        chunk INTEGER PRIMARY KEY,
        document INTEGER NOT NULL,
        vector halfvec({dimensions}) {storage} NOT NULL
    );

    CREATE INDEX ON {vectors} (document)
"""
_INLINE_DIMENSIONS = 4000
"""2 bytes each, in a page of 8 KiB. In a place of their own they are read several times slower, and pgvector
indexes no more."""


@dataclass(frozen=True)
class Tables:
    number: int
    """Of the collection."""

    @cached_property
    def names(self) -> dict[str, sql.Identifier]:
        kinds = ("documents", "chunks", "words", "vectors", "near")
        return {kind: sql.Identifier(f"{kind}_{self.number}") for kind in kinds}

    def query(self, text: LiteralString, **more: sql.Composable) -> sql.Composed:
        """With {documents}, {chunks}, {words}, {vectors} and {near} in it."""
        return sql.SQL(text).format(**self.names, **more)

    def run(self, connection: Connection, text: LiteralString, values: Any = None) -> list[tuple[Any, ...]]:
        """What it gives; nothing where it is no question."""
        cursor = connection.execute(self.query(text), values)
        return cursor.fetchall() if cursor.description else []

    def kinds(self, space: Space | None) -> list[str]:
        """The names of those there are."""
        kinds = ("documents", "chunks", "words", *(("vectors",) if space else ()))
        return [f"{kind}_{self.number}" for kind in kinds]

    def make(self, connection: Connection) -> None:
        self._script(connection, _MAKE)

    def make_vectors(self, connection: Connection, dimensions: int) -> None:
        storage = sql.SQL("STORAGE PLAIN" if dimensions <= _INLINE_DIMENSIONS else "")
        self._script(connection, _MAKE_VECTORS, dimensions=sql.Literal(dimensions), storage=storage)

    def index_vectors(self, connection: Connection) -> None:
        # For the whole of it to lie in memory while it is made.
        connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
        connection.execute("SET LOCAL statement_timeout = 0")
        self.run(
            connection, "CREATE INDEX IF NOT EXISTS {near} ON {vectors} USING hnsw (vector halfvec_ip_ops)"
        )
        self.run(connection, "ANALYZE {vectors}")

    def has_index(self, connection: Connection) -> bool:
        ((found,),) = connection.execute(
            "SELECT to_regclass(%s) IS NOT NULL", (f"near_{self.number}",)
        ).fetchall()
        return bool(found)

    def can_have_index(self, dimensions: int) -> bool:
        return dimensions <= _INLINE_DIMENSIONS

    def forget_vectors(self, connection: Connection) -> None:
        self.run(connection, "DROP TABLE IF EXISTS {vectors}")

    def remove(self, connection: Connection) -> None:
        self.run(connection, "DROP TABLE IF EXISTS {documents}, {chunks}, {words}, {vectors}")

    def _script(self, connection: Connection, script: LiteralString, **more: sql.Composable) -> None:
        text = self.query(script, **more).as_string(connection)
        for statement in text.split(";"):
            connection.execute(statement.encode())
