"""Functions, each asked for by the first sentence of its docstring: its code without it answers."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from pathlib import Path

from bench.grounding.corpus import Corpus, asked_once, kept
from bench.grounding.environments import environment

SYMPY = "sympy==1.13.3"
_FEWEST_LINES = 6
_FEWEST_WORDS = 5
_MOST = 1000
_QUESTIONS = 300
_SEED = 6


def code() -> Corpus:
    return kept(f"code-{SYMPY}", _made)


def _made() -> Corpus:
    python = environment("sympy", [SYMPY])
    package = next(python.parent.parent.glob("[Ll]ib/**/site-packages/sympy"))
    found = {name: (sentence, text) for name, sentence, text in _found(package)}
    choice = random.Random(_SEED)
    there = sorted(choice.sample(sorted(found), min(_MOST, len(found))))
    chosen = choice.sample(asked_once({name: found[name][0] for name in there}), _QUESTIONS)
    return Corpus(
        "code",
        f"{len(there):,} functions of sympy without their docstrings; {len(chosen)} by the first sentence of "
        "theirs",
        f"BSD-3-Clause, {SYMPY} from PyPI",
        {name: found[name][1] for name in there},
        {name: found[name][0] for name in chosen},
        {name: frozenset({name}) for name in chosen},
    )


def _found(package: Path) -> Iterator[tuple[str, str, str]]:
    """Name, first sentence and code of each."""
    for path in sorted(package.rglob("*.py")):
        if "tests" in path.parts or "benchmarks" in path.parts:
            continue
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or not (said := ast.get_docstring(node)):
                continue
            sentence = " ".join(said.partition("\n\n")[0].split())
            node.body = node.body[1:]
            text = ast.unparse(node)
            if len(text.splitlines()) >= _FEWEST_LINES and len(sentence.split()) >= _FEWEST_WORDS:
                yield f"{module}.{node.lineno}", sentence, text
