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
    scores: NDArray[np.float32]

    @property
    def best(self) -> float:
        return float(self.scores.max(initial=0))

    def of(self, chunks: NDArray[np.int64]) -> NDArray[np.float32]:
        """0 for a chunk that says none."""
        if not len(self.chunks):
            return np.zeros(len(chunks), np.float32)
        places = np.searchsorted(self.chunks, chunks).clip(max=len(self.chunks) - 1)
        return np.where(self.chunks[places] == chunks, self.scores[places], np.float32(0))

    def first(self, count: int) -> NDArray[np.int64]:
        """The best, in no order."""
        if count >= len(self.chunks):
            return self.chunks
        return self.chunks[np.argpartition(-self.scores, count)[:count]]

    def over(self, score: float) -> NDArray[np.int64]:
        return self.chunks[self.scores > score]


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
    worth_of = {term: weight / (highest(worth) or 1.0) for term, weight in worth}
    pieces = [(kept, worth_of[term]) for term, kept in found if term in worth_of]
    if not pieces:
        return Scores(np.zeros(0, np.int64), np.zeros(0, np.float32))
    # As bytes: numpy would compare the fields of each two arrays that it joins.
    rows = np.frombuffer(b"".join(kept for kept, _ in pieces), POSTING)
    weights = np.repeat(
        np.array([weight for _, weight in pieces], np.float32),
        [len(kept) // POSTING.itemsize for kept, _ in pieces],
    )
    if allowed is not None:
        passing = _table(allowed, int(rows["document"].max()))[rows["document"]]
        rows, weights = rows[passing], weights[passing]
    times = rows["times"].astype(np.float32)
    norms = rows["length"].astype(np.float32) * np.float32(K1 * B / max(average, 1.0)) + np.float32(
        K1 * (1 - B)
    )
    gains = weights * np.float32(K1 + 1) * times / (times + norms)
    return _summed(rows["chunk"], gains.astype(np.float32, copy=False))


def _table(allowed: NDArray[np.int64], last: int) -> NDArray[np.bool_]:
    """For each number up to the last, whether it is among them."""
    passing = np.zeros(max(last, int(allowed.max(initial=0))) + 1, np.bool_)
    passing[allowed] = True
    return passing


def _summed(chunks: NDArray[np.uint32], gains: NDArray[np.float32]) -> Scores:
    if not len(chunks):
        return Scores(chunks.astype(np.int64), gains)
    first = int(chunks.min())
    if int(chunks.max()) - first <= _SPARSE * len(chunks):
        sums = np.bincount(chunks - np.uint32(first), gains)
        places = np.flatnonzero(sums)
        return Scores(places + first, sums[places].astype(np.float32))
    unique, places = np.unique(chunks, return_inverse=True)
    return Scores(unique.astype(np.int64), np.bincount(places, gains).astype(np.float32))
