"""How well a person's own collection is searched: by words, by vectors, and by both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.measures import Quality, quality
from kanoa_mlops.grounding.questions import Question
from kanoa_mlops.grounding.types import Embedder, Passage, Ranking

Way = Literal["words", "vectors", "hybrid"]

_RANKINGS: Mapping[Way, Ranking] = {
    "words": Ranking(text_weight=1.0, embedding_weight=0.0),
    "vectors": Ranking(text_weight=0.0, embedding_weight=1.0),
    "hybrid": Ranking(),
}

Item = tuple[str, int | None]
"""A source, and the page where the question asks for one."""


@dataclass(frozen=True)
class Evaluation:
    """One way of searching."""

    way: Way
    quality: Quality
    missed: tuple[Question, ...]
    """Those with nothing relevant among the first k."""


def evaluate(
    archive: Archive,
    collection_id: str,
    questions: Sequence[Question],
    embedder: Embedder | None = None,
    *,
    k: int = 10,
    hybrid: Ranking | None = None,
) -> tuple[Evaluation, ...]:
    """Every question asked each way; without an embedder, by words alone.

    A document counts once, at its first passage among the `k`. `hybrid` is in place of the usual weights.

    Raises:
        RetrieverFailed: the embedding model was not reached, or refused.
    """
    rankings = {**_RANKINGS, "hybrid": hybrid or _RANKINGS["hybrid"]}
    ways: tuple[Way, ...] = ("words", "vectors", "hybrid") if embedder else ("words",)
    vectors = {each.text: embedder.query(each.text) for each in questions} if embedder else {}
    evaluations = []
    for way in ways:
        found = []
        for question in questions:
            vector = None if way == "words" else vectors[question.text]
            passages = archive.search(collection_id, question.text, vector, k=k, ranking=rankings[way])
            found.append(_items(passages, question))
        evaluations.append(_evaluation(way, questions, found, k))
    return tuple(evaluations)


def _evaluation(
    way: Way, questions: Sequence[Question], found: Sequence[Sequence[Item]], k: int
) -> Evaluation:
    relevant = [frozenset(each.items) for each in questions]
    missed = (
        each
        for each, items, wanted in zip(questions, found, relevant, strict=True)
        if not wanted.intersection(items)
    )
    return Evaluation(way, quality(found, relevant, k), tuple(missed))


def _items(passages: Sequence[Passage], question: Question) -> list[Item]:
    """As the question tells them apart: by page only where it names one."""
    paged = {source for source, page in question.items if page is not None}
    return [(each.source, each.page if each.source in paged else None) for each in passages]
