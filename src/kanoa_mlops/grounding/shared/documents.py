"""Documents of a collection: within a transaction of whoever calls, that holds the collection."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.archive import Held, Stats
from kanoa_mlops.grounding.local.rows import name_of, named
from kanoa_mlops.grounding.local.terms import counts
from kanoa_mlops.grounding.shared import vectors, words
from kanoa_mlops.grounding.shared.postings import postings
from kanoa_mlops.grounding.shared.rows import DOCUMENT_COLUMNS, attributes_of, row_of_chunk, row_of_document
from kanoa_mlops.grounding.shared.state import State
from kanoa_mlops.grounding.types import Chunk, Document
from kanoa_mlops.postgres import Connection, Row

if TYPE_CHECKING:
    from kanoa_mlops.grounding.shared.vectors import Sum

_ADD = (
    f"INSERT INTO {{documents}} ({DOCUMENT_COLUMNS}) "
    "VALUES (%(source)s, %(title)s, %(digest)s, %(file_id)s, %(path)s, %(bytes)s, "
    "%(modified)s, %(reader)s, %(attributes)s::jsonb, %(added_at)s, %(chunks)s, %(embedded)s, "
    "%(text_bytes)s, %(said)s, %(terms)s) RETURNING number"
)
_ADD_CHUNKS = "COPY {chunks} (number, document, id, text, page, heading, kind) FROM STDIN"
_DELETE = "DELETE FROM {documents} WHERE number = ANY(%s) RETURNING embedded, said, terms"
_DELETE_CHUNKS = "DELETE FROM {chunks} WHERE document = ANY(%s) RETURNING number"
_FIND = "SELECT number FROM {documents} WHERE source = ANY(%s::bytea[])"
_HELD = (
    "SELECT source, title, digest, file_id, path, bytes, modified, reader, chunks, embedded, attributes, "
    "added_at FROM {documents} ORDER BY source"
)
_CHUNKS = (
    "SELECT id, text, page, heading, kind FROM {chunks} "
    "WHERE document = (SELECT number FROM {documents} WHERE source = %s) ORDER BY number"
)
_STATS = (
    "SELECT count(*), coalesce(sum(chunks), 0), coalesce(sum(embedded), 0), "
    "coalesce(sum(text_bytes), 0)::bigint FROM {documents}"
)
_COUNT = (
    "UPDATE collections SET next_chunk = %s, segments = %s, chunks = chunks + %s, embedded = embedded + %s, "
    "terms = terms + %s WHERE number = %s"
)

Terms = Sequence[Mapping[int, int]]
"""Of each chunk, hashed, how often it says each."""


def terms_of(document: Document) -> Terms:
    """What its chunks are found by: their own words, the headings above them, and the title of the whole."""
    return [counts(f"{chunk.text}\n{chunk.heading}\n{document.title}") for chunk in document.chunks]


def put(connection: Connection, state: State, document: Document, said: Terms) -> None:
    before = _numbers(connection, state, [document.source])
    kept = vectors.kept(connection, state, before)
    gone = _delete(connection, state, before)
    every = np.unique(np.fromiter(chain.from_iterable(said), "<u4")).tobytes()
    row = row_of_document(document, time.time(), sum(sum(each.values()) for each in said), every)
    ((number,),) = connection.execute(state.tables.query(_ADD), row).fetchall()
    end = state.next_chunk + len(document.chunks)
    numbers = range(state.next_chunk, end)
    with connection.cursor().copy(state.tables.query(_ADD_CHUNKS)) as copy:
        for place, chunk in zip(numbers, document.chunks, strict=True):
            copy.write_row(row_of_chunk(place, number, chunk))
    embedded, added = vectors.put_back(connection, state, number, kept)
    vectors.move(connection, state, added - gone.vectors if len(gone.vectors) else added)
    segments = list(state.segments)
    if document.chunks:
        found = postings(number, dict(zip(numbers, said, strict=True)))
        segments = words.add(connection, state, end, found)
    _count(
        connection,
        replace(state, next_chunk=end, segments=segments),
        Size(len(document.chunks), embedded, row["said"]) - gone.size,
    )


def drop(connection: Connection, state: State, sources: Sequence[str]) -> int:
    """How many were there."""
    numbers = _numbers(connection, state, sources)
    if numbers:
        gone = _delete(connection, state, numbers)
        _count(connection, state, Size() - gone.size)
        vectors.move(connection, state, -gone.vectors)
    return len(numbers)


def held(connection: Connection, state: State) -> list[Held]:
    return [_held(row) for row in connection.execute(state.tables.query(_HELD)).fetchall()]


def chunks(connection: Connection, state: State, source: str) -> list[Chunk]:
    return [
        Chunk(*row) for row in connection.execute(state.tables.query(_CHUNKS), (named(source),)).fetchall()
    ]


def stats(connection: Connection, state: State) -> Stats:
    return Stats(*connection.execute(state.tables.query(_STATS)).fetchall()[0])


@dataclass(frozen=True)
class Size:
    chunks: int = 0
    embedded: int = 0
    said: int = 0

    def __sub__(self, other: Size) -> Size:
        return Size(self.chunks - other.chunks, self.embedded - other.embedded, self.said - other.said)


def _held(row: Row) -> Held:
    source, title, digest, file_id, path, size, modified, reader, chunks, embedded, attributes, added_at = row
    return Held(
        name_of(source),
        title,
        digest,
        file_id,
        name_of(path),
        size,
        modified,
        reader,
        chunks,
        embedded,
        attributes_of(attributes),
        added_at,
    )


@dataclass(frozen=True)
class Gone:
    size: Size
    vectors: Sum
    """Their sum."""


def _numbers(connection: Connection, state: State, sources: Sequence[str]) -> list[int]:
    rows = connection.execute(state.tables.query(_FIND), ([named(source) for source in sources],)).fetchall()
    return [number for (number,) in rows]


def _delete(connection: Connection, state: State, documents: Sequence[int]) -> Gone:
    if not documents:
        return Gone(Size(), np.zeros(0))
    gone = connection.execute(state.tables.query(_DELETE), (documents,)).fetchall()
    places = connection.execute(state.tables.query(_DELETE_CHUNKS), (documents,)).fetchall()
    removed = vectors.remove(connection, state, documents)
    numbers = [number for (number,) in places]
    if numbers:
        words.remove(connection, state, documents, numbers, b"".join(terms for *_, terms in gone))
    embedded, said = (sum(row[place] for row in gone) for place in (0, 1))
    return Gone(Size(len(numbers), embedded, said), removed)


def _count(connection: Connection, state: State, more: Size) -> None:
    values = (state.next_chunk, list(state.segments), more.chunks, more.embedded, more.said, state.number)
    connection.execute(_COUNT, values)
