"""The search by words where there is no numpy: the same scores, some hundred times slower."""

from __future__ import annotations

import heapq
import json
import sqlite3
import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kanoa_mlops.grounding.local.bm25 import K1, B, highest, weights
from kanoa_mlops.grounding.local.packed import unpack
from kanoa_mlops.grounding.local.question import Question
from kanoa_mlops.grounding.local.rows import first_place

_ALL = (
    "SELECT number, attributes, packed FROM documents JOIN postings ON document = number "
    "WHERE collection = ? ORDER BY number"
)


@dataclass(frozen=True)
class _Chunk:
    number: int
    length: int
    times: Mapping[int, int]
    """Of the question's terms."""
    passes: bool


def best(connection: sqlite3.Connection, collection: int, question: Question) -> list[tuple[int, float]]:
    """Numbers of chunks and their scores between 0 and 1, the best first."""
    chunks = list(_chunks(connection, collection, question))
    counts = Counter(term for chunk in chunks for term in chunk.times)
    worth = weights(question.terms, counts.__getitem__, len(chunks))
    average = max(sum(chunk.length for chunk in chunks) / max(len(chunks), 1), 1)
    scored = [
        (chunk.number, _score(chunk, worth, average) / (highest(worth) or 1))
        for chunk in chunks
        if chunk.passes and chunk.times
    ]
    least = question.ranking.score_threshold
    good = [(number, score) for number, score in scored if score > 0 and score >= least]
    return heapq.nsmallest(question.k, good, key=lambda each: (-each[1], each[0]))


def _chunks(connection: sqlite3.Connection, collection: int, question: Question) -> Iterator[_Chunk]:
    for document, attributes, packed in connection.execute(_ALL, (collection,)):
        passes = question.filters is None or question.filters.passes(json.loads(attributes))
        given = unpack(packed)
        hashes, start = _numbers(given.hashes), 0
        for place, (length, different) in enumerate(
            zip(_numbers(given.lengths), _numbers(given.different), strict=True)
        ):
            end = start + different
            times = {}
            for term in question.terms:
                at = bisect_left(hashes, term, start, end)
                if at < end and hashes[at] == term:
                    times[term] = given.times[at]
            yield _Chunk(first_place(document) + place, length, times, passes)
            start = end


def _numbers(little: bytes) -> array[int]:
    numbers = array("I", little)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _score(chunk: _Chunk, worth: list[tuple[int, float]], average: float) -> float:
    norm = K1 * (1 - B + B * chunk.length / average)
    return sum(
        weight * (K1 + 1) * times / (times + norm)
        for term, weight in worth
        if (times := chunk.times.get(term))
    )
