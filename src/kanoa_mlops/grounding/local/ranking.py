"""Words and vectors into one score, and the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.local.memory import Memory
from kanoa_mlops.grounding.types import Ranking

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kanoa_mlops.grounding.types import Vectors


def best(
    memory: Memory,
    terms: Mapping[int, int],
    vector: Vectors | None,
    *,
    k: int,
    filters: Filter | None,
    ranking: Ranking,
) -> list[tuple[int, float]]:
    """Numbers of chunks and their scores between 0 and 1, the best first."""
    words, highest = memory.words(terms)
    scores = words / highest if highest else words
    if vector is not None and memory.embedded.any():
        likeness = np.clip(memory.likeness(vector), 0, 1)
        total = ranking.text_weight + ranking.embedding_weight or 1.0
        fused = (ranking.text_weight * scores + ranking.embedding_weight * likeness) / total
        scores = np.where(memory.embedded, fused, scores)
    allowed = memory.alive
    if filters is not None:
        allowed = allowed & memory.columns.passing(filters)[memory.of_document]
    scores[~allowed | (scores <= 0) | (scores < ranking.score_threshold)] = -1
    return [(memory.number(place), float(scores[place])) for place in _first(scores, k) if scores[place] > 0]


def _first(scores: NDArray[np.float32], k: int) -> list[int]:
    """Where the k highest are; of equals the earliest."""
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero(scores >= max(least, 0))
    else:
        places = np.arange(len(scores))
    order = np.argsort(-scores[places], kind="stable")[:k]
    return [int(place) for place in places[order]]
