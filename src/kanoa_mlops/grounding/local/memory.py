"""A collection in memory, as it was at one moment. It is never changed; a later one shares what stayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kanoa_mlops.grounding.filters import Attributes
from kanoa_mlops.grounding.local.bm25 import K1, B, highest, weights
from kanoa_mlops.grounding.local.columns import Columns
from kanoa_mlops.grounding.local.inverted import Inverted
from kanoa_mlops.grounding.local.rows import PLACES
from kanoa_mlops.grounding.local.signs import Signs
from kanoa_mlops.grounding.types import Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

_FEW = 0.3
"""Of the vectors: fewer are sooner picked out than all are multiplied."""

_MANY = 10
_ALIKE = 0.99
"""A mean cosine with which nothing can be told apart."""

Scores = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Memory:
    """Chunks are in the order of their documents; `lengths`, `alive` and `embedded` have one of each."""

    revision: int
    removals: int
    numbers: NDArray[np.int64]
    """Of the documents, rising."""
    attributes: tuple[Attributes, ...]
    """Of the documents."""
    first: NDArray[np.int64]
    """Where each document's chunks begin, and one more."""
    lengths: NDArray[np.uint32]
    """In terms."""
    alive: Mask
    """What was removed keeps its place until all is read anew."""
    inverted: tuple[Inverted, ...]
    """One part's chunks follow those of the part before."""
    space: Space | None
    room: Vectors
    """A row a chunk, and some to spare; without rows where there is no space."""
    embedded: Mask
    signs: Signs | None
    """Of the vectors, where they are many."""

    @property
    def last(self) -> int:
        """The highest number of a document."""
        return int(self.numbers[-1]) if len(self.numbers) else 0

    @property
    def bytes(self) -> int:
        return self.room.nbytes + sum(5 * part.size + 12 * len(part.hashes) for part in self.inverted)

    @cached_property
    def of_document(self) -> NDArray[np.int64]:
        """For each chunk, where its document is."""
        return np.repeat(np.arange(len(self.numbers)), np.diff(self.first))

    @cached_property
    def columns(self) -> Columns:
        return Columns(self.attributes)

    def places(self, chunks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of chunks by their number in the file."""
        documents = np.searchsorted(self.numbers, chunks // PLACES)
        return self.first[documents] + chunks % PLACES

    def number(self, place: int) -> int:
        """In the file."""
        document = self.of_document[place]
        return int(self.numbers[document] * PLACES + place - self.first[document])

    def words(self, terms: Mapping[int, int]) -> Scores:
        """BM25 of each chunk, as a part of what none can reach."""
        scores = np.zeros(len(self.lengths), np.float32)
        worth = weights(terms, self._count, self._living)
        for term, weight in worth:
            start = 0
            for part in self.inverted:
                found, end = part.of(term), start + part.count
                places, times = part.places[found], part.times[found].astype(np.float32)
                norms = self._norms[start:end][places]
                scores[start:end][places] += times * np.float32(weight * (K1 + 1)) / (times + norms)
                start = end
        return scores / np.float32(highest(worth) or 1)

    def likeness(self, vector: Vectors, allowed: Mask) -> Scores:
        """How much nearer each chunk's vector is to this one than they all are on the mean: from 0 to 1.

        By their cosines, as to some models any two texts are alike. Of few allowed ones, only theirs.
        """
        places = np.flatnonzero(allowed)
        if len(places) > len(allowed) * _FEW:
            return self.above(self.room[: len(allowed)] @ vector, vector)
        likeness = np.zeros(len(allowed), np.float32)
        likeness[places] = self.above(self.cosines(vector, places), vector)
        return likeness

    def cosines(self, vector: Vectors, places: NDArray[np.int64]) -> Scores:
        cosines: Scores = self.room[places] @ vector
        return cosines

    def above(self, cosines: Scores, vector: Vectors) -> Scores:
        """How much they are above the mean of all with this vector: from 0 to 1."""
        mean = min(float(self._middle @ vector), _ALIKE)
        above: Scores = np.clip((cosines - mean) / (1 - mean), 0, 1)
        return above

    @cached_property
    def _middle(self) -> Vectors:
        """The mean of all vectors; of a few, nearer to nothing, as they need not be what texts are like."""
        which = (self.embedded & self.alive).astype(np.float32)
        middle: Vectors = which @ self.room[: len(which)] / (which.sum() + _MANY)
        return middle

    def _count(self, term: int) -> int:
        count, start = 0, 0
        for part in self.inverted:
            places, end = part.places[part.of(term)], start + part.count
            count += len(places) if self._whole else int(np.count_nonzero(self.alive[start:end][places]))
            start = end
        return count

    @cached_property
    def _living(self) -> int:
        return int(np.count_nonzero(self.alive))

    @cached_property
    def _whole(self) -> bool:
        return self._living == len(self.alive)

    @cached_property
    def _norms(self) -> Scores:
        average = self.lengths[self.alive].mean() if self._living else 1.0
        return (K1 * (1 - B + B * self.lengths / max(average, 1.0))).astype(np.float32)
