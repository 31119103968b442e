"""Measures of rankings, against values reckoned by hand and against TREC's own program."""

from __future__ import annotations

import math

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.grounding.measures import Quality, quality

DOCUMENTS = [f"d{number}" for number in range(30)]
rankings = st.lists(st.lists(st.sampled_from(DOCUMENTS), unique=True, max_size=25), min_size=1, max_size=8)
judged = st.frozensets(st.sampled_from(DOCUMENTS), min_size=1, max_size=15)


def test_by_hand() -> None:
    found = quality([["a", "b", "c"], ["x", "y", "z"]], [frozenset("bd"), frozenset("q")], k=3)
    # b stands second of an ideal first and second; nothing of the other question is found.
    gained, ideal = 1 / math.log2(3), 1 + 1 / math.log2(3)
    assert found == Quality(2, recall=0.25, mrr=0.25, ndcg=gained / ideal / 2)


def test_what_stands_beyond_k_is_not_found() -> None:
    assert quality([["a", "b"]], [frozenset("b")], k=1) == Quality(1, 0.0, 0.0, 0.0)


def test_more_that_is_relevant_than_k_can_still_be_ranked_ideally() -> None:
    found = quality([["a", "b"]], [frozenset("abcd")], k=2)
    assert (found.recall, found.mrr, found.ndcg) == (0.5, 1.0, 1.0)


def test_what_is_found_twice_counts_once() -> None:
    assert quality([["a", "a"]], [frozenset("ab")], k=2) == quality([["a"]], [frozenset("ab")], k=2)


def test_no_questions_are_no_error() -> None:
    assert quality([], []) == Quality(0, 0.0, 0.0, 0.0)


@given(st.data(), rankings)
def test_equal_to_trec_eval(data: st.DataObject, found: list[list[str]]) -> None:
    relevant = [data.draw(judged) for _ in found]
    judgments = {str(at): dict.fromkeys(sorted(each), 1) for at, each in enumerate(relevant)}
    # It orders by score, so that these fall with the rank.
    run = {
        str(at): {each: float(-rank) for rank, each in enumerate(order[:10])}
        for at, order in enumerate(found)
    }
    evaluator = pytrec_eval.RelevanceEvaluator(judgments, {"ndcg_cut.10", "recall.10", "recip_rank"})
    theirs = evaluator.evaluate(run).values()
    ours = quality(found, relevant)
    for name, mine in (("ndcg_cut_10", ours.ndcg), ("recall_10", ours.recall), ("recip_rank", ours.mrr)):
        assert mine == pytest.approx(sum(each[name] for each in theirs) / len(found))
