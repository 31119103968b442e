"""Who is found, in which order, and with what score."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Value
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Chunk, Document, Passage, Ranking
from tests.grounding.local.making import PAPERS, document, embed, found, unit

TEXTS = {
    "drift": "The drift of the sensor exceeds its limit in May",
    "gauge": "The strain gauge is calibrated in May",
    "sensor": "Each sensor has a serial number",
    "long": "A sensor " + "of something else entirely " * 30,
}
keeps_archive = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def filled(archive: LocalArchive) -> LocalArchive:
    for source, text in TEXTS.items():
        archive.put(PAPERS, document(source, text))
    return archive


def sources(passages: object) -> list[str]:
    return [passage.source for passage in passages]  # type: ignore[attr-defined]


def test_rare_words_and_short_texts_come_first(filled: LocalArchive) -> None:
    assert sources(filled.search(PAPERS, "drift sensor", None)) == ["drift", "sensor", "long"]
    assert sources(filled.search(PAPERS, "sensor", None, k=1)) == ["sensor"]
    assert filled.search(PAPERS, "sensor", None, k=0) == []


def test_a_passage_says_all_that_is_known_of_it(archive: LocalArchive) -> None:
    chunk = Chunk("c1", "drift", 3, "Results > Drift", "figure")
    archive.put(PAPERS, Document("a.pdf", "On drift", "ab", (chunk,), {"year": 2026}, "file-1"))
    (passage,) = archive.search(PAPERS, "drift", None)
    assert passage == Passage(
        "drift", "a.pdf", passage.score, "c1", "On drift", 3, "Results > Drift", "file-1", "", {"year": 2026}
    )


def test_titles_and_headings_are_words_too(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", "some text", title="Calibration report"))
    archive.put(PAPERS, Document("b", "", "", (Chunk("b#0", "other text", heading="Uncertainty"),)))
    assert found(archive.search(PAPERS, "calibrated", None)) == ["a#0"]
    assert found(archive.search(PAPERS, "uncertainties", None)) == ["b#0"]


def test_of_many_chunks_words_that_most_have_count_when_there_are_no_others(archive: LocalArchive) -> None:
    texts = ["rain in spring", *["rain"] * 1500, *["sun"] * 1000]
    archive.put(PAPERS, document("weather", *texts))
    assert found(archive.search(PAPERS, "rain spring", None)) == ["weather#0"]
    assert len(archive.search(PAPERS, "rain", None, k=2000)) == 1501


def test_words_that_make_a_question_tell_nothing(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("how", "why and how do you do what you do"))
    archive.put(PAPERS, document("gauge", "the gauge drifts"))
    archive.put(PAPERS, document("sensor", "the sensor drifts"))
    assert sources(archive.search(PAPERS, "Why does the gauge do what it does?", None)) == ["gauge"]
    assert sources(archive.search(PAPERS, "how do you do", None)) == ["how"], "where there are no others"


@pytest.mark.parametrize(
    "query", ["", " ", "?!…", "\0", "'\"*()", "NEAR(", "-", "🙂", "x" * 100_000, "\ud800"]
)
def test_a_query_without_words_finds_nothing(filled: LocalArchive, query: str) -> None:
    assert filled.search(PAPERS, query, None) == []


@pytest.mark.parametrize(
    "query", ['"drift"', "drift*", "NOT drift", "drift AND (", "text:drift", "dr\0 drift"]
)
def test_signs_have_no_meaning(filled: LocalArchive, query: str) -> None:
    assert sources(filled.search(PAPERS, query, None))[0] == "drift"


def test_a_query_of_100_kb_is_answered(filled: LocalArchive) -> None:
    query = " ".join(f"word{number}" for number in range(10_000)) + " drift"
    assert sources(filled.search(PAPERS, query, None)) == ["drift"]


def test_letters_in_their_order_are_nearer(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("mixed", "素で水を測る"))
    archive.put(PAPERS, document("hydrogen", "水素を測る"))
    assert sources(archive.search(PAPERS, "水素", None))[0] == "hydrogen"


def test_vectors_alone_words_alone_and_both(filled: LocalArchive) -> None:
    embed(filled, ["drift#0", "gauge#0", "sensor#0"], [[1, 0, 0, 0], [0, 1, 0, 0], [0.6, 0.8, 0, 0]])
    vector = unit([0, 1, 0, 0])
    alone = Ranking(text_weight=0, embedding_weight=1)
    assert sources(filled.search(PAPERS, "drift", vector, ranking=alone))[:2] == ["gauge", "sensor"]
    words = Ranking(text_weight=1, embedding_weight=0)
    assert sources(filled.search(PAPERS, "drift", vector, ranking=words)) == ["drift"]
    assert set(sources(filled.search(PAPERS, "drift", vector))) == {"drift", "gauge", "sensor"}


def test_what_is_alone_is_found_by_its_vector(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", "drift"))
    embed(archive, ["a#0"], [[1, 1, 0, 0]])
    (passage,) = archive.search(PAPERS, "abweichung", unit([1, 0.5, 0, 0]))
    assert passage.source == "a"


def test_a_model_to_which_all_texts_are_alike_counts_by_what_is_left(archive: LocalArchive) -> None:
    texts = [f"text {at}" for at in range(200)]
    archive.put(PAPERS, document("a", *texts))
    embed(archive, [f"a#{at}" for at in range(200)], [[20, at % 10, at // 10, 1] for at in range(200)])
    alone = Ranking(text_weight=0, embedding_weight=1)
    first, *_, last = archive.search(PAPERS, "", unit([20, 9, 0, 1]), k=200, ranking=alone)
    assert first.chunk_id == "a#9"
    assert (last.score or 0) < 0.2, "though all cosines are above 0.6"


def test_a_threshold_leaves_out_what_scores_below(filled: LocalArchive) -> None:
    embed(
        filled, [f"{source}#0" for source in TEXTS], [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0]]
    )
    vector = unit([1, 0, 0, 0])
    all_of_them = filled.search(PAPERS, "drift sensor", vector)
    for least in (0.0, 0.1, 0.25, 0.5, 1.0):
        kept = filled.search(PAPERS, "drift sensor", vector, ranking=Ranking(score_threshold=least))
        assert kept == [passage for passage in all_of_them if (passage.score or 0) >= least]


def test_a_text_that_says_all_and_more_scores_higher(filled: LocalArchive) -> None:
    (all_of_it,) = filled.search(PAPERS, "drift", None)
    (half,) = filled.search(PAPERS, "drift turbine", None)
    assert all_of_it.score and half.score
    assert all_of_it.score == half.score, "a word that no text has tells nothing"


@keeps_archive
@given(
    st.lists(st.sampled_from("abcdef"), max_size=5),
    st.one_of(st.none(), st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4)),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 30),
)
def test_scores_are_between_0_and_1_and_fall(
    lettered: LocalArchive, words: list[str], row: list[float] | None, text: float, embedding: float, k: int
) -> None:
    vector = None if row is None else unit(row)
    passages = lettered.search(PAPERS, " ".join(words), vector, k=k, ranking=Ranking(text, embedding))
    scores = [passage.score or 0 for passage in passages]
    assert all(0 < score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)
    assert len(passages) <= k
    assert len(set(found(passages))) == len(passages)


@pytest.fixture
def lettered(archive: LocalArchive) -> LocalArchive:
    """Of each attribute several kinds, and some documents without."""
    values: list[Value] = [1, 1.0, True, False, "1", "b", 2, -0.5]
    for at in range(24):
        attributes = {"x": values[at % len(values)]} if at % 5 else {}
        attributes |= {"y": at // 4}
        text = " ".join("abcdef"[letter] for letter in range(6) if at * 7 % (letter + 2) == 0) or "a"
        archive.put(PAPERS, document(f"{at:02}", text, attributes=attributes))
    rows = [[1, at % 3, at % 5 - 2, at % 7 - 3] for at in range(20)]
    embed(archive, [f"{at:02}#0" for at in range(20)], rows)
    return archive


scalars = st.one_of(
    st.booleans(), st.integers(-1, 6), st.sampled_from([0.5, 1.0, -0.5]), st.sampled_from("1ab")
)
ordered = st.one_of(st.integers(-1, 6), st.sampled_from([0.5, 1.0, -0.5]), st.sampled_from("1ab"))
comparisons = st.one_of(
    st.builds(Comparison, st.sampled_from(["eq", "ne"]), st.sampled_from("xyz"), scalars),
    st.builds(Comparison, st.sampled_from(["gt", "gte", "lt", "lte"]), st.sampled_from("xyz"), ordered),
    st.builds(
        Comparison, st.sampled_from(["in", "nin"]), st.sampled_from("xyz"), st.lists(scalars).map(tuple)
    ),
)
filters = st.recursive(
    comparisons,
    lambda inner: st.builds(
        Junction, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=5,
)


@keeps_archive
@given(filters, st.booleans(), st.integers(1, 30))
def test_a_filter_finds_the_best_of_those_that_pass(
    lettered: LocalArchive, wanted: Filter, hybrid: bool, k: int
) -> None:
    vector = unit([1, 1, 1, 1]) if hybrid else None
    everything = lettered.search(PAPERS, "a b c d e f", vector, k=100)
    passing = [passage for passage in everything if wanted.passes(passage.attributes)]
    assert lettered.search(PAPERS, "a b c d e f", vector, k=k, filters=wanted) == passing[:k]


def test_words_are_searched_alike_without_numpy(lettered: LocalArchive, path: Path) -> None:
    program = (
        "import sys; sys.modules['numpy'] = None\n"
        "from pathlib import Path\n"
        "from kanoa_mlops.grounding.filters import Comparison\n"
        "from kanoa_mlops.grounding.local import LocalArchive\n"
        "archive = LocalArchive(Path(sys.argv[1]))\n"
        "for filters in (None, Comparison('gt', 'y', 2)):\n"
        "    for query in ('', 'a', 'a b c', 'e f f', 'zzz'):\n"
        f"        for each in archive.search({PAPERS!r}, query, None, k=7, filters=filters):\n"
        "            print(query, each.chunk_id, f'{each.score:.5f}')\n"
        "archive.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, timeout=60, check=False
    )
    lines = [
        f"{query} {each.chunk_id} {each.score:.5f}"
        for filters in (None, Comparison("gt", "y", 2))
        for query in ("", "a", "a b c", "e f f", "zzz")
        for each in lettered.search(PAPERS, query, None, k=7, filters=filters)
    ]
    assert (done.stdout.splitlines(), done.stderr) == (lines, "")
    assert len(lines) > 20
