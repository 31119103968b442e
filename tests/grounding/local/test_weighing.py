"""How much words count beside meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.local.asked import is_sentence
from kanoa_mlops.grounding.local.weighing import shares
from kanoa_mlops.grounding.types import Passage, Ranking
from tests.grounding.local.making import PAPERS, document, embed, unit

PROMPT = "Please interpret this figure. What does it show, and what are the main trends and findings?"
QUESTION = "Why does the sensor drift?"
_BEST = st.floats(0, 1)
_WEIGHTS = st.floats(0, 1)


@given(st.none() | st.tuples(_WEIGHTS, _WEIGHTS), st.text(), _BEST)
def test_both_together_are_one(given: tuple[float, float] | None, question: str, best: float) -> None:
    text, meaning = shares(Ranking(*given or ()), question, best)
    assert 0 <= text <= 1
    assert text + meaning == pytest.approx(1)


@given(_WEIGHTS, st.floats(0.01, 1), st.sampled_from([QUESTION, "sensor drift"]), _BEST)
def test_weights_that_are_given_are_kept(text: float, embedding: float, question: str, best: float) -> None:
    found = shares(Ranking(text, embedding), question, best)
    assert found == pytest.approx((text / (text + embedding), embedding / (text + embedding)))


@given(st.lists(st.sampled_from(["mpg", "hp", "wt vs cyl", "T_max [K]", "setosa"]), min_size=1), _BEST)
def test_labels_are_found_by_their_words(labels: list[str], best: float) -> None:
    assert shares(Ranking(), "\n".join(labels), best) == pytest.approx((0.7, 0.3))


@given(_BEST, _BEST)
def test_of_a_sentence_words_count_less_the_more_of_it_is_said(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert 0.7 >= shares(Ranking(), QUESTION, less)[0] >= shares(Ranking(), QUESTION, more)[0] >= 0.25


@given(st.floats(0.2, 1))
def test_of_a_sentence_the_best_by_words_counts_a_quarter(best: float) -> None:
    text, meaning = shares(Ranking(), QUESTION, best)
    assert text * best / (text * best + meaning) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "question",
    [
        "How do I convert a string to a number?",
        "what is the effect of the shape of the drag polar on the range of an aircraft .",
        "Return the nodes that\nare in the boundary\nof the set.",
        PROMPT,
    ],
)
def test_a_sentence_is_known_by_its_small_words(question: str) -> None:
    assert is_sentence(question)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "?!",
        "max_locks_per_transaction",
        "sensor drift",
        "Wirkungsgrad der Turbine",
        "mpg vs hp",
        "温度計",
    ],
)
def test_labels_and_key_words_are_none(question: str) -> None:
    assert not is_sentence(question)


@given(st.lists(st.sampled_from(["mpg vs hp", "mpg", "hp", "cyl", "4"]), min_size=2))
def test_a_prompt_makes_no_sentence_of_a_figure(strings: list[str]) -> None:
    assert not is_sentence("\n".join([PROMPT, *strings]))


def test_a_sentence_finds_what_is_meant_and_a_label_what_is_named(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("named", "sensor drift " * 3))
    archive.put(PAPERS, document("meant", "the probe wanders"))
    for source in "abcdefgh":
        archive.put(PAPERS, document(source, f"other text {source}"))
    embed(archive, ["named#0", "meant#0"], [[0, 1, 0, 0], [1, 0, 0, 0]])

    def first(question: str, ranking: Ranking | None = None) -> Passage:
        return archive.search(PAPERS, question, unit([1, 0, 0, 0]), ranking=ranking)[0]

    assert first(QUESTION).source == "meant"
    assert first(QUESTION, Ranking()) == first(QUESTION)
    assert first(QUESTION, Ranking(0.7, 0.3)).source == "named", "as it was told"
    assert first("sensor drift").source == "named"
