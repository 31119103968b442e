"""Documents of a collection, as rows: within a transaction of whoever calls."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from kanoa_mlops.grounding.archive import Held, Stats
from kanoa_mlops.grounding.embedded_text import embedded_text
from kanoa_mlops.grounding.local.packed import pack
from kanoa_mlops.grounding.local.rows import (
    CHUNK_COLUMNS,
    DOCUMENT_COLUMNS,
    HELD_COLUMNS,
    clean,
    first_place,
    held_of,
    last_place,
    named,
    row_of_chunk,
    row_of_document,
)
from kanoa_mlops.grounding.local.terms import counts
from kanoa_mlops.grounding.types import Chunk, Document

_ADD = f"INSERT INTO documents ({DOCUMENT_COLUMNS}) VALUES ({', '.join('?' * 15)})"
_ADD_CHUNK = f"INSERT INTO chunks (number, {CHUNK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_ADD_VECTOR = "INSERT INTO vectors VALUES (?, ?)"
_FIND = "SELECT number FROM documents WHERE collection = ? AND source = ?"
_VECTORS = (
    "SELECT heading, text, vector FROM vectors JOIN chunks ON number = chunk WHERE chunk BETWEEN ? AND ?"
)
_HELD = f"SELECT {HELD_COLUMNS} FROM documents WHERE collection = ? ORDER BY source"
_CHUNKS = f"SELECT {CHUNK_COLUMNS} FROM chunks WHERE number BETWEEN ? AND ? ORDER BY number"
_STATS = (
    "SELECT count(*), coalesce(sum(chunks), 0), coalesce(sum(embedded), 0), coalesce(sum(text_bytes), 0) "
    "FROM documents WHERE collection = ?"
)
_REVISE = "UPDATE collections SET revision = revision + 1 WHERE number = ? RETURNING revision"
_REMOVED = "UPDATE collections SET removals = removals + 1 WHERE number = ?"


def packed(document: Document) -> bytes:
    """What its chunks are found by: their own words, the headings above them, and the title of the whole."""
    texts = (f"{chunk.text}\n{chunk.heading}\n{document.title}" for chunk in document.chunks)
    return pack([counts(text) for text in texts])


def put(connection: sqlite3.Connection, collection: int, document: Document, postings: bytes) -> bool:
    """Whether it took the place of another."""
    before = _number(connection, collection, document.source)
    vectors = _vectors(connection, before) if before else {}
    if before:
        delete(connection, collection, [before])
    row = row_of_document(document, collection, revise(connection, collection), time.time())
    number = connection.execute(_ADD, row).lastrowid or 0
    first = first_place(number)
    connection.executemany(_ADD_CHUNK, map(row_of_chunk, range(first, last_place(number)), document.chunks))
    connection.execute("INSERT INTO postings VALUES (?, ?)", (number, postings))
    kept = [
        (first + place, vector)
        for place, chunk in enumerate(document.chunks)
        if (vector := vectors.get(embedded_text(clean(chunk.heading), clean(chunk.text))))
    ]
    connection.executemany(_ADD_VECTOR, kept)
    connection.execute("UPDATE documents SET embedded = ? WHERE number = ?", (len(kept), number))
    return bool(before)


def drop(connection: sqlite3.Connection, collection: int, sources: Sequence[str]) -> int:
    numbers = [
        found for source in dict.fromkeys(sources) if (found := _number(connection, collection, source))
    ]
    if numbers:
        delete(connection, collection, numbers)
        revise(connection, collection)
    return len(numbers)


def delete(connection: sqlite3.Connection, collection: int, numbers: Sequence[int]) -> None:
    spans = [(first_place(number), last_place(number)) for number in numbers]
    connection.executemany("DELETE FROM chunks WHERE number BETWEEN ? AND ?", spans)
    connection.executemany("DELETE FROM vectors WHERE chunk BETWEEN ? AND ?", spans)
    each = [(number,) for number in numbers]
    connection.executemany("DELETE FROM postings WHERE document = ?", each)
    connection.executemany("DELETE FROM documents WHERE number = ?", each)
    connection.execute(_REMOVED, (collection,))


def revise(connection: sqlite3.Connection, collection: int) -> int:
    """The revision that its change makes."""
    ((revision,),) = connection.execute(_REVISE, (collection,)).fetchall()
    return int(revision)


def held(connection: sqlite3.Connection, collection: int) -> list[Held]:
    return [held_of(row) for row in connection.execute(_HELD, (collection,))]


def chunks(connection: sqlite3.Connection, collection: int, source: str) -> list[Chunk]:
    number = _number(connection, collection, source)
    span = (first_place(number), last_place(number))
    return [Chunk(*row) for row in connection.execute(_CHUNKS, span)] if number else []


def stats(connection: sqlite3.Connection, collection: int) -> Stats:
    return Stats(*connection.execute(_STATS, (collection,)).fetchone())


def _number(connection: sqlite3.Connection, collection: int, source: str) -> int:
    """Of the document; none has 0."""
    row = connection.execute(_FIND, (collection, named(source))).fetchone()
    return int(row[0]) if row else 0


def _vectors(connection: sqlite3.Connection, document: int) -> dict[str, bytes]:
    """By what they were made of."""
    span = (first_place(document), last_place(document))
    rows = connection.execute(_VECTORS, span)
    return {embedded_text(heading, text): vector for heading, text, vector in rows}
