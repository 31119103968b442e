"""Which chunks say a term, how often: as bytes that the database keeps, and as BM25's scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.local.bm25 import K1, B, highest

if TYPE_CHECKING:
    from numpy.typing import NDArray

POSTING = np.dtype([("chunk", "<u4"), ("document", "<u4"), ("length", "<u2"), ("times", "<u2")])
"""`length` is that of the chunk in terms. More than 65,535 are no more."""
_MOST = 2**16 - 1
_SPARSE = 8
"""Numbers of chunks may be so many times as many as postings for a table over all of them to be worth it."""


@dataclass(frozen=True)
class Scores:
    """BM25 of chunks, divided by what none can reach."""

    chunks: NDArray[np.int64]
    """Rising; those that say any of the terms."""
    scores: NDArray[np.float64]

    def of(self, chunks: NDArray[np.int64]) -> NDArray[np.float64]:
        """0 for a chunk that says none."""
        if not len(self.chunks):
            return np.zeros(len(chunks))
        places = np.searchsorted(self.chunks, chunks).clip(max=len(self.chunks) - 1)
        return np.where(self.chunks[places] == chunks, self.scores[places], 0.0)

    def first(self, count: int) -> tuple[NDArray[np.int64], float]:
        """The best, in no order, and what none of the others is above: 0 if there are none."""
        if count >= len(self.chunks):
            return self.chunks, 0.0
        places = np.argpartition(-self.scores, count)
        return self.chunks[places[:count]], float(self.scores[places[count]])


def postings(document: int, chunks: Mapping[int, Mapping[int, int]]) -> Iterator[tuple[int, bytes]]:
    """Of each term in a document.

    Args:
        chunks: by their number, how often each says which term.
    """
    different = [len(terms) for terms in chunks.values()]
    lengths = [sum(terms.values()) for terms in chunks.values()]
    terms = np.fromiter(chain.from_iterable(chunks.values()), np.int64)
    rows = np.empty(len(terms), POSTING)
    rows["chunk"] = np.repeat(list(chunks), different)
    rows["document"] = document
    rows["length"] = np.repeat(lengths, different).clip(max=_MOST)
    times = chain.from_iterable(each.values() for each in chunks.values())
    rows["times"] = np.fromiter(times, np.int64).clip(max=_MOST)
    order = np.argsort(terms, kind="stable")
    kept, size = rows[order].tobytes(), POSTING.itemsize
    every, starts = np.unique(terms[order], return_index=True)
    ends = [*starts[1:].tolist(), len(terms)]
    for term, start, end in zip(every.tolist(), starts.tolist(), ends, strict=True):
        yield term, kept[size * start : size * end]


def without(kept: bytes, documents: Sequence[int]) -> bytes:
    rows = np.frombuffer(kept, POSTING)
    return rows[~np.isin(rows["document"], documents)].tobytes()


def score(
    found: Iterable[tuple[int, bytes]],
    worth: Sequence[tuple[int, float]],
    average: float,
    allowed: NDArray[np.int64] | None,
) -> Scores:
    """
    Args:
        found: postings of terms; of one term there may be several.
        worth: what each term is worth.
        average: terms of a chunk.
        allowed: numbers of documents, where not all are.
    """
    worth_of = dict(worth)
    pieces = [(np.frombuffer(kept, POSTING), worth_of[term]) for term, kept in found if term in worth_of]
    if not pieces:
        return Scores(np.zeros(0, np.int64), np.zeros(0))
    rows = np.concatenate([piece for piece, _ in pieces])
    weights = np.repeat([weight for _, weight in pieces], [len(piece) for piece, _ in pieces])
    if allowed is not None:
        passing = np.isin(rows["document"], allowed.astype(np.uint32))
        rows, weights = rows[passing], weights[passing]
    times = rows["times"].astype(np.float64)
    norms = K1 * (1 - B + B / max(average, 1.0) * rows["length"])
    gains = weights * (K1 + 1) * times / (times + norms)
    return _summed(rows["chunk"].astype(np.int64), gains / (highest(worth) or 1.0))


def _summed(chunks: NDArray[np.int64], gains: NDArray[np.float64]) -> Scores:
    if not len(chunks):
        return Scores(chunks, gains)
    first = int(chunks.min())
    if int(chunks.max()) - first <= _SPARSE * len(chunks):
        sums = np.bincount(chunks - first, gains).astype(np.float64)
        places = np.flatnonzero(sums)
        return Scores(places + first, sums[places])
    unique, places = np.unique(chunks, return_inverse=True)
    return Scores(unique, np.bincount(places, gains).astype(np.float64))
