"""What each contestant reached on each collection, and what is asked of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bench.grounding.contestants.job import Rankings
from bench.grounding.corpus import Corpus
from kanoa_mlops.grounding.measures import Quality, quality

K = 10
Way = Literal["words", "vectors", "hybrid"]
WAYS: tuple[Way, ...] = ("words", "vectors", "hybrid")


@dataclass(frozen=True)
class Score:
    corpus: str
    contestant: str
    way: Way
    quality: Quality

    def as_json(self) -> dict[str, Any]:
        named = {"collection": self.corpus, "contestant": self.contestant, "way": self.way}
        return {**named, **asdict(self.quality)}


@dataclass(frozen=True)
class Verdict:
    """Of one thing asked for."""

    asked: str
    reached: float
    least: float

    @property
    def passes(self) -> bool:
        return round(self.reached, 4) >= round(self.least, 4)


def score(corpus: Corpus, contestant: str, way: Way, rankings: Rankings) -> Score:
    """`rankings` are in the order of the corpus' questions."""
    relevant = [corpus.relevant[question] for question in corpus.questions]
    return Score(corpus.name, contestant, way, quality(rankings, relevant, K))


def verdicts(scores: Sequence[Score], ours: str) -> Iterator[Verdict]:
    """Ours as it comes is its hybrid; the others are taken at their best way."""
    mine = {(each.corpus, each.way): each.quality for each in scores if each.contestant == ours}
    if ("Cranfield", "hybrid") in mine:
        yield Verdict("Cranfield nDCG@10, hybrid", mine["Cranfield", "hybrid"].ndcg, 0.42)
        yield Verdict("Cranfield nDCG@10, words alone", mine["Cranfield", "words"].ndcg, 0.36)
    if ("plots", "hybrid") in mine:
        reached = mine["plots", "hybrid"].recall
        yield Verdict("plots recall@10 by the figure's text", reached, 0.80)
        rivals = [each for each in scores if each.corpus == "plots" and each.contestant != ours]
        if rivals:
            best = max(rivals, key=lambda each: each.quality.recall)
            name = f"plots recall@10, the best other ({best.contestant}, {best.way})"
            yield Verdict(name, reached, best.quality.recall)
