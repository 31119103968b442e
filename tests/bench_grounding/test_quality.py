"""The bench is honest: a tiny collection through all of it, one as published, texts embedded once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.grounding import ours
from bench.grounding.contestants.job import Job
from bench.grounding.corpora.cranfield import cranfield
from bench.grounding.corpora.plots import figure_text
from bench.grounding.corpus import Corpus, kept
from bench.grounding.embeddings import Kept
from bench.grounding.others import run
from bench.grounding.quality_report import report
from bench.grounding.scores import WAYS, Score, score, verdicts
from kanoa_mlops.grounding.measures import Quality
from kanoa_mlops.grounding.types import Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

CORPUS = Corpus(
    "plots",
    "three texts",
    "none",
    {
        "cars": "Speed and stopping distance of cars in the 1920s.",
        "iris": "Lengths and widths of sepals and petals.",
        "air": "Monthly totals of airline passengers.",
    },
    {"q1": "stopping distance vs speed", "q2": "petals", "q3": "what flies"},
    {"q1": frozenset({"cars"}), "q2": frozenset({"iris"}), "q3": frozenset({"air"})},
)
# The meaning of each text, in a space where the last question is near the last document.
VECTORS = np.eye(3, dtype=np.float32)
JOB = Job(
    list(CORPUS.documents),
    list(CORPUS.documents.values()),
    VECTORS,
    list(CORPUS.questions.values()),
    VECTORS,
    10,
)


def test_ours_by_each_way() -> None:
    rankings = ours.rank(JOB)
    words, vectors, hybrid = (score(CORPUS, ours.NAME, way, rankings[way]).quality for way in WAYS)
    # Nothing says "flies".
    assert words == Quality(3, 2 / 3, 2 / 3, 2 / 3)
    assert vectors == hybrid == Quality(3, 1.0, 1.0, 1.0)


def test_a_contestant_in_a_process_of_its_own() -> None:
    assert run(Path(sys.executable), "sqlite_fts5", JOB) == {"words": [["cars"], ["iris"], []]}


@pytest.mark.parametrize(
    ("reached", "passes"), [(0.9, [True, True]), (0.85, [True, False]), (0.7, [False] * 2)]
)
def test_ours_is_measured_against_the_best_way_of_the_best_other(reached: float, passes: list[bool]) -> None:
    def reaching(contestant: str, way: str, recall: float) -> Score:
        return Score("plots", contestant, way, Quality(400, recall, 0.5, 0.5))  # type: ignore[arg-type]

    scores = [
        reaching(ours.NAME, "hybrid", reached),
        reaching("A", "words", 0.9),
        reaching("A", "hybrid", 0.5),
        reaching("B", "vectors", 0.8),
    ]
    judged = list(verdicts(scores, ours.NAME))
    assert [each.passes for each in judged] == passes
    assert judged[1].least == 0.9


def test_the_table_is_80_columns_wide(capsys: pytest.CaptureFixture[str]) -> None:
    scores = [score(CORPUS, ours.NAME, way, found) for way, found in ours.rank(JOB).items()]  # type: ignore[arg-type]
    report([CORPUS], scores, list(verdicts(scores, ours.NAME)), [ours.version()], "by hand")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("PASS  plots recall@10") for line in lines)
    starred = [line for line in lines if "1.000*" in line]
    assert len(starred) == 2


CRANFIELD = {
    "cran.all.1400": ".I 1\n.T\nwings\n.A\nher\n.B\n1950\n.W\nwings\nthat bend .\n.I 2\n.T\n.A\n.B\n.W\n",
    # Its own numbers have gaps.
    "cran.qry": ".I 001\n.W\ndo wings bend\n.I 004\n.W\nwhat is heat\n",
    "cranqrel": "1 1 2\n2 1 -1\n2 2 5\n",
}


def test_cranfield_as_it_is_published(tmp_path: Path) -> None:
    for name, text in CRANFIELD.items():
        (tmp_path / name).write_text(text)
    corpus = cranfield(tmp_path)
    assert corpus.documents == {"1": "wings that bend ."}
    # The second question has no abstract that answers it.
    assert corpus.questions == {"1": "do wings bend"}
    assert corpus.relevant == {"1": frozenset({"1"})}


def test_a_figures_text_is_its_title_its_axes_and_its_legend() -> None:
    plot = {"x": "speed", "y": "dist", "legend": ["maker", "Ford"]}
    assert figure_text(plot) == "dist vs speed\nspeed\ndist\nmaker\nFord"


def test_a_collection_is_made_once(tmp_path: Path) -> None:
    assert kept("tiny", lambda: CORPUS, tmp_path) == CORPUS
    assert kept("tiny", lambda: pytest.fail("made again"), tmp_path) == CORPUS


class Counting:
    """Remembers what it was asked for."""

    space = Space("counting", 2)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def documents(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)


def test_a_text_is_embedded_once_and_vectors_are_in_the_order_of_the_texts(tmp_path: Path) -> None:
    source = Counting()
    vectors = Kept(source, tmp_path).vectors(["bbb", "a", "bbb"])
    assert vectors.tolist() == [[3, 1], [1, 1], [3, 1]]
    again = Kept(source, tmp_path).vectors(["a", "cc"])
    assert again.tolist() == [[1, 1], [2, 1]]
    assert sorted(source.asked) == ["a", "bbb", "cc"]
