"""BM25 with the usual constants (Robertson and Zaragoza 2009) and Lucene's idf, which is never negative."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

K1 = 1.5
B = 0.75
_MANY = 2_000
_MOST_TERMS = 256
"""Of a question: those that tell most."""


def idf(count: int, chunks: int) -> float:
    """
    Args:
        count: of the chunks with the term.
    """
    return math.log(1 + (chunks - count + 0.5) / (count + 0.5))


def telling(chunks: int) -> int:
    """A term that more chunks have is left out where there are others."""
    return max(chunks, _MANY) // 2


def weights(terms: Mapping[int, int], count: Callable[[int], int], chunks: int) -> list[tuple[int, float]]:
    """What each term of a question is worth, the most telling first.

    Of many chunks, one that more than half of them have is left out where there are others: it tells next to
    nothing, and takes the longest.

    Args:
        terms: how often the question says each.
    """
    counts = {term: found for term in terms if (found := count(term))}
    rare = {term: found for term, found in counts.items() if found <= telling(chunks)}
    worth = [(term, idf(found, chunks) * terms[term]) for term, found in (rare or counts).items()]
    return sorted(worth, key=lambda each: -each[1])[:_MOST_TERMS]


def highest(worth: Iterable[tuple[int, float]]) -> float:
    """What no chunk reaches."""
    return sum(each for _, each in worth) * (K1 + 1)
