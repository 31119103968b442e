"""Documentation of functions: each docstring is asked for by its first sentence, which is taken out of it."""

from __future__ import annotations

import ast
import inspect
import random
from collections.abc import Iterator
from pathlib import Path

from bench.grounding.corpus import Corpus, asked_once, kept
from bench.grounding.environments import environment

NETWORKX = "networkx==3.5"
_FEWEST_WORDS = 4
_SHORTEST_WORDS = 25
_QUESTIONS = 400
_SEED = 6


def docstrings() -> Corpus:
    return kept(f"docstrings-{NETWORKX}", _made)


def _made() -> Corpus:
    python = environment("networkx", [NETWORKX])
    package = next(python.parent.parent.glob("[Ll]ib/**/site-packages/networkx"))
    documents: dict[str, str] = {}
    questions: dict[str, str] = {}
    for name, text in _found(package):
        summary, _, rest = text.partition("\n\n")
        question = " ".join(summary.split())
        long_enough = len(rest.split()) >= _SHORTEST_WORDS and len(question.split()) >= _FEWEST_WORDS
        if long_enough and rest not in documents.values():
            documents[name], questions[name] = rest, question
    chosen = random.Random(_SEED).sample(asked_once(questions), _QUESTIONS)
    return Corpus(
        "docstrings",
        f"{len(documents):,} docstrings of networkx without their first sentence; {len(chosen)} of those ask "
        "for theirs",
        f"BSD-3-Clause, {NETWORKX} from PyPI",
        documents,
        {name: questions[name] for name in chosen},
        {name: frozenset({name}) for name in chosen},
    )


def _found(package: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(package.rglob("*.py")):
        if "tests" in path.parts:
            continue
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and (text := ast.get_docstring(node)):
                yield f"{module}.{node.name}", inspect.cleandoc(text)
