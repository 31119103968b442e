"""The words of a collection: postings in segments, written with what they are of, and asked for BM25."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.local.bm25 import telling, weights
from kanoa_mlops.grounding.shared.postings import POSTING, Scores, score, without
from kanoa_mlops.grounding.shared.segments import segment_of, to_join
from kanoa_mlops.grounding.shared.state import State
from kanoa_mlops.postgres import Connection

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ADD = "COPY {words} (term, segment, postings) FROM STDIN (FORMAT BINARY)"
_JOIN = """
    WITH old AS (DELETE FROM {words} WHERE segment >= %(first)s RETURNING term, segment, postings)
    INSERT INTO {words}
    SELECT term, %(first)s, string_agg(postings, ''::bytea ORDER BY segment) FROM old GROUP BY term
"""
_OF_TERMS = (
    "SELECT term, segment, postings FROM {words} WHERE term = ANY(%s::bigint[]) AND segment = ANY(%s::int[]) "
    "ORDER BY term, segment"
)
_REWRITE = (
    "UPDATE {words} AS kept SET postings = new.postings "
    "FROM unnest(%s::bigint[], %s::int[], %b::bytea[]) AS new (term, segment, postings) "
    "WHERE kept.term = new.term AND kept.segment = new.segment"
)
_EMPTY = (
    "DELETE FROM {words} AS kept USING unnest(%s::bigint[], %s::int[]) AS gone (term, segment) "
    "WHERE kept.term = gone.term AND kept.segment = gone.segment"
)
# What most chunks say tells nothing, and is the most to fetch: see `bm25.weights`.
_RARE = """
    SELECT term, postings FROM {words} WHERE term IN (
        SELECT term FROM {words} WHERE term = ANY(%s::bigint[])
        GROUP BY term HAVING sum(octet_length(postings)) <= %s
    )
"""
_ANY = "SELECT term, postings FROM {words} WHERE term = ANY(%s::bigint[])"


def add(connection: Connection, state: State, end: int, postings: Iterable[tuple[int, bytes]]) -> list[int]:
    """As a segment from `next_chunk` to `end`; gives the segments there are then."""
    firsts = [*state.segments, state.next_chunk]
    with connection.cursor().copy(state.tables.query(_ADD)) as copy:
        copy.set_types(["int8", "int4", "bytea"])
        for term, kept in postings:
            copy.write_row((term, state.next_chunk, kept))
    place = to_join(firsts, end)
    if place == len(firsts):
        return firsts
    connection.execute(state.tables.query(_JOIN), {"first": firsts[place]})
    return firsts[: place + 1]


def remove(
    connection: Connection, state: State, documents: Sequence[int], chunks: Iterable[int], terms: bytes
) -> None:
    """
    Args:
        chunks: numbers of theirs, at least one of each segment that has any.
        terms: theirs, as uint32.
    """
    segments = sorted({segment_of(state.segments, chunk) for chunk in chunks})
    every = np.unique(np.frombuffer(terms, "<u4")).tolist()
    rows = connection.execute(state.tables.query(_OF_TERMS), (every, segments), binary=True).fetchall()
    left = [(term, segment, without(kept, documents), kept) for term, segment, kept in rows]
    gone = [(term, segment) for term, segment, now, _ in left if not now]
    less = [(term, segment, now) for term, segment, now, kept in left if now and now != kept]
    if gone:
        connection.execute(state.tables.query(_EMPTY), tuple(map(list, zip(*gone, strict=True))))
    if less:
        connection.execute(state.tables.query(_REWRITE), tuple(map(list, zip(*less, strict=True))))


def scores(
    connection: Connection, state: State, terms: Mapping[int, int], allowed: NDArray[np.int64] | None
) -> Scores:
    """
    Args:
        terms: how often a question says each.
        allowed: numbers of documents, where not all are.
    """
    most = telling(state.chunks) * POSTING.itemsize
    found = connection.execute(state.tables.query(_RARE), (list(terms), most), binary=True).fetchall()
    if not found:
        found = connection.execute(state.tables.query(_ANY), (list(terms),), binary=True).fetchall()
    counts: Counter[int] = Counter()
    for term, kept in found:
        counts[term] += len(kept) // POSTING.itemsize
    worth = weights(terms, counts.__getitem__, state.chunks)
    return score(found, worth, state.terms / max(state.chunks, 1), allowed)
