"""Words and vectors into one score, and the best of them."""

from __future__ import annotations

import numpy as np

from kanoa_mlops.grounding.local.memory import Memory, Scores
from kanoa_mlops.grounding.local.question import Question


def best(memory: Memory, question: Question) -> list[tuple[int, float]]:
    """Numbers of chunks and their scores between 0 and 1, the best first."""
    ranking = question.ranking
    scores = memory.words(question.terms)
    if question.vector is not None and memory.space and ranking.embedding_weight > 0:
        share = ranking.embedding_weight / (ranking.text_weight + ranking.embedding_weight)
        likeness = memory.likeness(question.vector)
        scores = np.where(memory.embedded, (1 - share) * scores + share * likeness, scores)
    allowed = memory.alive
    if question.filters is not None:
        allowed = allowed & memory.columns.passing(question.filters)[memory.of_document]
    scores[~allowed | (scores < ranking.score_threshold)] = 0
    return [(memory.number(place), float(scores[place])) for place in _first(scores, question.k)]


def _first(scores: Scores, k: int) -> list[int]:
    """Where the k highest above 0 are; of equals the earliest."""
    least = np.partition(scores, len(scores) - k)[len(scores) - k] if 0 < k < len(scores) else 0
    places = np.flatnonzero((scores >= least) & (scores > 0))
    order = np.argsort(-scores[places], kind="stable")[:k]
    return [int(place) for place in places[order]]
