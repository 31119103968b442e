"""Words and vectors into one score, and the best of them.

The scores are added, not the ranks (reciprocal-rank fusion), which forget by how much one text is better than
the next. With the default weights nDCG@10 is 0.82 by scores, 0.75 by ranks and 0.82 by words alone for 100
plots among 500 pages on data; 0.43, 0.42 and 0.39 for Cranfield (all-MiniLM-L6-v2, measured 2026-11-28).
"""

from __future__ import annotations

import numpy as np

from kanoa_mlops.grounding.local.memory import Mask, Memory, Scores
from kanoa_mlops.grounding.local.narrowing import narrowed
from kanoa_mlops.grounding.local.question import Question


def best(memory: Memory, question: Question) -> list[tuple[int, float]]:
    """Numbers of chunks and their scores between 0 and 1, the best first."""
    allowed = memory.alive
    if question.filters is not None:
        allowed = allowed & memory.columns.passing(question.filters)[memory.of_document]
    scores = _scores(memory, question, allowed)
    scores[~allowed | (scores < question.ranking.score_threshold)] = 0
    return [(memory.number(place), float(scores[place])) for place in _first(scores, question.k)]


def _scores(memory: Memory, question: Question, allowed: Mask) -> Scores:
    words, vector = memory.words(question.terms), question.vector
    if vector is None or memory.space is None:
        return words
    text, meaning = question.shares(float(words[allowed].max(initial=0)))
    if not meaning:
        return words
    near = narrowed(memory, words, (text, meaning), vector, allowed, question.k)
    likeness = memory.likeness(vector, near)
    return np.where(memory.embedded, text * words + meaning * likeness, words)


def _first(scores: Scores, k: int) -> list[int]:
    """Where the k highest above 0 are; of equals the earliest."""
    least = np.partition(scores, len(scores) - k)[len(scores) - k] if 0 < k < len(scores) else 0
    places = np.flatnonzero((scores >= least) & (scores > 0))
    order = np.argsort(-scores[places], kind="stable")[:k]
    return [int(place) for place in places[order]]
