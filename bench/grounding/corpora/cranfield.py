"""Cranfield: abstracts on aerodynamics, with every abstract judged for every question (Cleverdon 1967)."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from bench.grounding.corpus import Corpus

PUBLISHED = "https://ir.dcs.gla.ac.uk/resources/test_collections/cran/"
_RELEVANT = frozenset({1, 2, 3, 4})
"""Sources disagree on which end is best, so that these are all alike; -1 and 5 are of no interest."""


def cranfield(folder: Path) -> Corpus:
    """From the three files as they are published."""
    if not (folder / "cran.all.1400").exists():
        sys.exit(f"There is no cran.all.1400 in {folder}. The collection is published at {PUBLISHED}")
    # An abstract begins with its own title again; two records are empty.
    texts = {fields["I"]: fields["W"] or fields["T"] for fields in _records(folder / "cran.all.1400")}
    documents = {number: text for number, text in texts.items() if text}
    # Judgments count the questions in the file's order; their own numbers have gaps.
    questions = {str(number): fields["W"] for number, fields in enumerate(_records(folder / "cran.qry"), 1)}
    relevant = defaultdict(set)
    for line in (folder / "cranqrel").read_text().splitlines():
        question, document, grade = line.split()[:3]
        if int(grade) in _RELEVANT:
            relevant[question].add(document)
    return Corpus(
        "Cranfield",
        f"{len(documents):,} abstracts, {len(questions)} questions of engineers; judged by people",
        f"free for research, {PUBLISHED}",
        documents,
        {number: questions[number] for number in relevant},
        {number: frozenset(found) for number, found in relevant.items()},
    )


def _records(path: Path) -> Iterator[dict[str, str]]:
    """Of fields by their letter: .I number, .T title, .W text."""
    for record in re.split(r"^\.I\s+", path.read_text(errors="replace"), flags=re.MULTILINE)[1:]:
        number, *parts = re.split(r"^\.([TABW])\s*$", record, flags=re.MULTILINE)
        fields = {
            letter: " ".join(text.split()) for letter, text in zip(parts[::2], parts[1::2], strict=True)
        }
        yield {"I": number.strip(), "T": "", "W": "", **fields}
