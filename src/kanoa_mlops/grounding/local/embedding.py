"""Vectors of chunks, as rows: within a transaction of whoever calls."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from kanoa_mlops.errors import OtherSpace, RetrieverFailed
from kanoa_mlops.grounding.local.documents import revise
from kanoa_mlops.grounding.local.rows import CHUNK_COLUMNS, PLACES, space_of
from kanoa_mlops.grounding.types import Chunk, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

_SPACE = "SELECT model, dimensions FROM collections WHERE number = ?"
_ENTER = "UPDATE collections SET model = ?, dimensions = ? WHERE number = ?"
_PENDING = (
    "SELECT chunks.number FROM documents "
    "JOIN chunks ON chunks.number "
    f"BETWEEN documents.number * {PLACES} AND documents.number * {PLACES} + {PLACES - 1} "
    "LEFT JOIN vectors ON chunk = chunks.number "
    "WHERE collection = ? AND (? OR (embedded < documents.chunks AND chunk IS NULL)) "
    "AND documents.number > ? "
    "ORDER BY documents.number, chunks.number"
)
_LOT = f"SELECT {CHUNK_COLUMNS} FROM chunks WHERE number IN "
_PLACES_OF = (
    f"SELECT chunks.number FROM chunks JOIN documents ON documents.number = chunks.number / {PLACES} "
    "WHERE chunks.id = ? AND collection = ?"
)
_ADD = "INSERT INTO vectors VALUES (?, ?) ON CONFLICT (chunk) DO UPDATE SET vector = excluded.vector"
_COUNT = (
    f"UPDATE documents SET revision = ?, embedded = (SELECT count(*) FROM vectors "
    f"WHERE chunk BETWEEN number * {PLACES} AND number * {PLACES} + {PLACES - 1}) WHERE number = ?"
)


def pending(connection: sqlite3.Connection, collection: int, space: Space, after: int) -> list[int]:
    """Numbers of the chunks without a vector of that space, of documents newer than that one."""
    other = space_of(*connection.execute(_SPACE, (collection,)).fetchone()) != space
    return [number for (number,) in connection.execute(_PENDING, (collection, other, after))]


def lot(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[Chunk]:
    """Those of them that are still there, the shortest first."""
    places = f"({', '.join('?' * len(numbers))})"
    found = [Chunk(*row) for row in connection.execute(_LOT + places, numbers)]
    return sorted(found, key=lambda chunk: len(chunk.text))


def embed(
    connection: sqlite3.Connection, collection: int, space: Space, chunks: Iterable[str], vectors: Vectors
) -> None:
    held = space_of(*connection.execute(_SPACE, (collection,)).fetchone())
    if held is None:
        connection.execute(_ENTER, (space.model, space.dimensions, collection))
    elif held != space:
        raise OtherSpace(
            f"The collection's vectors are of {held.model} ({held.dimensions} dimensions), "
            f"these of {space.model} ({space.dimensions}).",
            hint="Forget them first, so that all are made anew by one model.",
        )
    _check(vectors, space)
    rows = [
        (number, vector.astype("<f4").tobytes())
        for id, vector in zip(chunks, vectors, strict=True)
        for (number,) in connection.execute(_PLACES_OF, (id, collection)).fetchall()
    ]
    connection.executemany(_ADD, rows)
    revision = revise(connection, collection)
    changed = {number // PLACES for number, _ in rows}
    connection.executemany(_COUNT, [(revision, document) for document in changed])


def _check(vectors: Vectors, space: Space) -> None:
    """Of a model that is broken, rather than that one such vector is the nearest to every question."""
    if vectors.shape[1:] != (space.dimensions,) or not (abs(vectors) < float("inf")).all():
        raise RetrieverFailed(
            f"The vectors of {space.model} are not {space.dimensions} finite numbers each.",
            hint="Try the model by itself: POST /v1/embeddings.",
        )


def forget(connection: sqlite3.Connection, collection: int) -> None:
    revision = revise(connection, collection)
    connection.execute(
        "DELETE FROM vectors WHERE chunk IN (SELECT chunk FROM documents JOIN vectors "
        f"ON chunk BETWEEN number * {PLACES} AND number * {PLACES} + {PLACES - 1} WHERE collection = ?)",
        (collection,),
    )
    connection.execute(
        "UPDATE documents SET embedded = 0, revision = ? WHERE collection = ? AND embedded > 0",
        (revision, collection),
    )
    connection.execute(_ENTER, (None, None, collection))
