"""Vectors of a collection's chunks: a table of their own, as long as there is a space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import orjson
from psycopg import sql

from kanoa_mlops.errors import OtherSpace
from kanoa_mlops.grounding.embedded_text import embedded_text
from kanoa_mlops.grounding.shared.middle import packed, read, unpacked
from kanoa_mlops.grounding.shared.rows import fit
from kanoa_mlops.grounding.shared.state import State
from kanoa_mlops.grounding.types import Chunk, Space
from kanoa_mlops.postgres import Connection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kanoa_mlops.grounding.types import Vectors

    Sum = NDArray[np.float64]

EXACT = 4000
"""So many are compared one by one, which finds the nearest for certain; among more, an HNSW index looks.
Measured: docs/how-to/shared-collections.md."""

_KEPT = (
    "SELECT heading, text, vector::text FROM {vectors} JOIN {chunks} ON number = chunk "
    "WHERE {chunks}.document = ANY(%s)"
)
_NEW = "SELECT number, heading, text FROM {chunks} WHERE document = %s"
_ADD = (
    "WITH added AS (INSERT INTO {vectors} SELECT chunk, %s, vector::halfvec "
    "FROM unnest(%s::int[], %s::text[]) AS new (chunk, vector) RETURNING vector) "
    "SELECT sum(vector::vector)::text FROM added"
)
_COUNT_OF = "UPDATE {documents} SET embedded = %s WHERE number = %s"
_REMOVE = (
    "WITH gone AS (DELETE FROM {vectors} WHERE document = ANY(%s) RETURNING vector) "
    "SELECT sum(vector::vector)::text FROM gone"
)
_SUM = (
    "SELECT sum(vector::vector)::text FROM {vectors} JOIN {chunks} ON number = chunk "
    "WHERE id = ANY(%s::text[])"
)
_MOVE = "UPDATE collections SET middle = %s WHERE number = %s"
_EMBED = (
    "INSERT INTO {vectors} SELECT number, document, new.vector::halfvec "
    "FROM unnest(%s::text[], %s::text[]) AS new (id, vector) JOIN {chunks} USING (id) "
    "ON CONFLICT (chunk) DO UPDATE SET vector = excluded.vector RETURNING document, xmax = 0"
)
_COUNT_MORE = (
    "UPDATE {documents} SET embedded = embedded + more "
    "FROM unnest(%s::int[], %s::int[]) AS new (document, more) WHERE number = new.document"
)
_SPACE = "UPDATE collections SET model = %s, dimensions = %s, embedded = %s WHERE number = %s"
_PENDING = (
    "SELECT number, id, text, page, heading, kind FROM {chunks} "
    "WHERE number > %s{without} ORDER BY number LIMIT %s"
)
_WITHOUT = " AND NOT EXISTS (SELECT FROM {vectors} WHERE chunk = number)"


def kept(connection: Connection, state: State, documents: Sequence[int]) -> dict[str, str]:
    """By what they were made of."""
    if not documents or state.space is None:
        return {}
    rows = connection.execute(state.tables.query(_KEPT), (documents,)).fetchall()
    return {embedded_text(heading, text): vector for heading, text, vector in rows}


def put_back(connection: Connection, state: State, document: int, kept: dict[str, str]) -> tuple[int, Sum]:
    """To what stayed as it was; how many, and their sum."""
    nothing = np.zeros(state.dimensions or 0)
    if not kept:
        return 0, nothing
    rows = connection.execute(state.tables.query(_NEW), (document,)).fetchall()
    found = [
        (number, vector)
        for number, heading, text in rows
        if (vector := kept.get(embedded_text(heading, text)))
    ]
    if not found:
        return 0, nothing
    values = (document, *map(list, zip(*found, strict=True)))
    added = _sum(connection, state.tables.query(_ADD), values, len(nothing))
    connection.execute(state.tables.query(_COUNT_OF), (len(found), document))
    return len(found), added


def remove(connection: Connection, state: State, documents: Sequence[int]) -> Sum:
    """Their sum."""
    if state.space is None:
        return np.zeros(0)
    return _sum(connection, state.tables.query(_REMOVE), (documents,), state.space.dimensions)


def move(connection: Connection, state: State, more: Sum) -> None:
    """What is known of their middle."""
    if len(more):
        total = unpacked(state.middle) + more if state.middle else more
        connection.execute(_MOVE, (packed(total), state.number))


def embed(
    connection: Connection, state: State, space: Space, chunk_ids: Sequence[str], vectors: Vectors
) -> None:
    """
    Raises:
        OtherSpace: the collection's vectors are of another model.
    """
    if state.space is None:
        state.tables.make_vectors(connection, space.dimensions)
    elif state.space != space:
        raise OtherSpace(
            f"The collection's vectors are of {state.model} ({state.dimensions} dimensions), "
            f"these of {space.model} ({space.dimensions}).",
            hint="Forget them first, so that all are made anew by one model.",
        )
    # Of a chunk that comes twice the last counts; one statement cannot change a row twice.
    rows = {fit(id): written(vector) for id, vector in zip(chunk_ids, vectors, strict=True)}
    of_these = (state.tables.query(_SUM), (list(rows),), space.dimensions)
    before = _sum(connection, *of_these)
    found = connection.execute(state.tables.query(_EMBED), (list(rows), list(rows.values()))).fetchall()
    more: dict[int, int] = {}
    for document, is_new in found:
        more[document] = more.get(document, 0) + is_new
    move(connection, state, _sum(connection, *of_these) - before)
    connection.execute(state.tables.query(_COUNT_MORE), (list(more), list(more.values())))
    embedded = state.embedded + sum(more.values())
    connection.execute(_SPACE, (space.model, space.dimensions, embedded, state.number))
    if embedded > EXACT and state.tables.can_have_index(space.dimensions):
        state.tables.index_vectors(connection)


def forget(connection: Connection, state: State) -> None:
    state.tables.forget_vectors(connection)
    connection.execute(state.tables.query("UPDATE {documents} SET embedded = 0 WHERE embedded > 0"))
    connection.execute(_SPACE, (None, None, 0, state.number))
    connection.execute(_MOVE, (b"", state.number))


def pending(
    connection: Connection, state: State, space: Space, after: int, count: int
) -> tuple[int, list[Chunk]]:
    """The next chunks without a vector of that space, the shortest first, and the number of the last."""
    without = state.tables.query(_WITHOUT if state.space == space else "")
    question = state.tables.query(_PENDING, without=without)
    rows = connection.execute(question, (after, count)).fetchall()
    lot = sorted((Chunk(*row[1:]) for row in rows), key=lambda chunk: len(chunk.text))
    return (rows[-1][0] if rows else after), lot


def _sum(connection: Connection, question: sql.Composed, values: Sequence[object], dimensions: int) -> Sum:
    ((text,),) = connection.execute(question, values).fetchall()
    return read(text, dimensions)


def written(vector: Vectors) -> str:
    """As pgvector reads it."""
    return orjson.dumps(np.ascontiguousarray(vector, np.float32), option=orjson.OPT_SERIALIZE_NUMPY).decode()


def listed(numbers: NDArray[np.int64]) -> str:
    """As Postgres reads an array of them: of ten thousand, a list would take longer than the search."""
    words = orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return f"{{{words[1:-1]}}}"
