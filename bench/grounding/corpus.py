"""Documents, questions, and which documents answer them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.grounding.environments import CACHE


@dataclass(frozen=True)
class Corpus:
    name: str
    about: str
    """What the documents and the questions are, and where the judgments come from."""
    licence: str
    documents: Mapping[str, str]
    """Text by id."""
    questions: Mapping[str, str]
    relevant: Mapping[str, frozenset[str]]
    """Documents by the question they answer."""


def asked_once(questions: Mapping[str, str]) -> list[str]:
    """Whose questions nobody else asks; of those asked alike, none can be told from the other."""
    times = Counter(questions.values())
    return [id for id, question in questions.items() if times[question] == 1]


def kept(name: str, make: Callable[[], Corpus], folder: Path = CACHE / "corpora") -> Corpus:
    """Made once; `name` carries all versions that it depends on."""
    path = folder / f"{name}.json"
    if path.exists():
        given = json.loads(path.read_text(encoding="utf-8"))
        relevant = {question: frozenset(ids) for question, ids in given.pop("relevant").items()}
        return Corpus(**given, relevant=relevant)
    corpus = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    as_lists = {question: sorted(ids) for question, ids in corpus.relevant.items()}
    part = path.with_suffix(".part")
    part.write_text(json.dumps({**asdict(corpus), "relevant": as_lists}), encoding="utf-8")
    part.replace(path)
    return corpus
