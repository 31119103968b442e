"""How good a ranking is, where it is known what should have been found. Relevant or not, without grades."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import log2
from statistics import fmean


@dataclass(frozen=True)
class Quality:
    """Means over some questions, each between 0 and 1."""

    questions: int
    recall: float
    """The share of what is relevant that stands among the first k."""
    mrr: float
    """One by the rank of the first that is relevant; 0 where none is among the first k."""
    ndcg: float
    """Each that is relevant counts 1/log2(1 + rank), by what the best order would reach (Järvelin and
    Kekäläinen 2002, doi:10.1145/582415.582418)."""


def quality(
    rankings: Sequence[Sequence[Hashable]], relevant: Sequence[frozenset[Hashable]], k: int = 10
) -> Quality:
    """Of one ranking a question, the best first, and what should have been found for each."""
    pairs = [(found[:k], wanted) for found, wanted in zip(rankings, relevant, strict=True)]
    return Quality(
        questions=len(pairs),
        recall=_mean(recall(found, wanted) for found, wanted in pairs),
        mrr=_mean(reciprocal_rank(found, wanted) for found, wanted in pairs),
        ndcg=_mean(ndcg(found, wanted, k) for found, wanted in pairs),
    )


def recall(found: Sequence[Hashable], relevant: frozenset[Hashable]) -> float:
    return len(relevant.intersection(found)) / len(relevant) if relevant else 0.0


def reciprocal_rank(found: Sequence[Hashable], relevant: frozenset[Hashable]) -> float:
    return next((1 / rank for rank, each in enumerate(found, 1) if each in relevant), 0.0)


def ndcg(found: Sequence[Hashable], relevant: frozenset[Hashable], k: int) -> float:
    """What is found twice counts once, where it stands first."""
    ideal = sum(_gain(rank) for rank in range(1, min(k, len(relevant)) + 1))
    first = {each: rank for rank, each in reversed(list(enumerate(found[:k], 1)))}
    reached = sum(_gain(rank) for each, rank in first.items() if each in relevant)
    return reached / ideal if ideal else 0.0


def _gain(rank: int) -> float:
    return 1 / log2(1 + rank)


def _mean(values: Iterable[float]) -> float:
    """0 of none."""
    every = list(values)
    return fmean(every) if every else 0.0
