"""Figures of galleries, each asked for by its own text: its page without the code answers.

Of scikit-learn and scikit-image, out of Debian's packages. A figure's
text is what the code writes into it: titles, labels of axes, entries of the legend.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.grounding.corpora.debian import taken_apart
from bench.grounding.corpus import Corpus, asked_once, kept

_PACKAGES = ("python-sklearn-doc", "python-skimage-doc")
_WRITES = frozenset(
    {"title", "suptitle", "set_title", "xlabel", "ylabel", "set_xlabel", "set_ylabel", "legend"}
)
"""Methods of matplotlib."""
_NAMES = frozenset({"label", "title", "xlabel", "ylabel"})
_MARKUP = re.compile(r":\w+(?::\w+)*:`~?\.?([^`<]+)[^`]*`|[`*=#_]{2,}|\{[^}]*\}")
_MAGIC = re.compile(r"^%[a-z].*$", re.MULTILINE)
"""IPython's own."""
_SHORTEST_WORDS = 20
_FEWEST_WORDS = 3


def gallery() -> Corpus:
    return kept(f"gallery-{'-'.join(_PACKAGES)}", _made)


def _made() -> Corpus:
    documents: dict[str, str] = {}
    questions: dict[str, str] = {}
    versions = []
    for name in _PACKAGES:
        with taken_apart(name) as package:
            versions.append(f"{name} {package.version}")
            for path, text, code in _examples(package.tree):
                if len(text.split()) < _SHORTEST_WORDS or text in documents.values():
                    continue
                documents[path] = text
                said = list(dict.fromkeys(written(code)))
                if sum(len(each.split()) for each in said) >= _FEWEST_WORDS:
                    questions[path] = "\n".join(said)
    alone = asked_once(questions)
    return Corpus(
        "gallery",
        f"{len(documents):,} pages of the galleries of scikit-learn and scikit-image without their code; the "
        f"text of the figures of {len(alone)}",
        f"BSD-3-Clause, {', '.join(versions)} of Debian",
        documents,
        {path: questions[path] for path in alone},
        {path: frozenset({path}) for path in alone},
    )


def _examples(tree: Path) -> Iterator[tuple[str, str, str]]:
    """Path, text and code of each, out of its notebook."""
    for path in sorted([*tree.rglob("plot_*.ipynb"), *tree.rglob("plot_*.ipynb.gz")]):
        if path.is_symlink():
            continue
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        cells = json.loads(content)["cells"]
        text = " ".join(_MARKUP.sub(r" \1 ", _joined(cells, "markdown")).split())
        yield path.relative_to(tree).as_posix(), text, _joined(cells, "code")


def _joined(cells: Sequence[Mapping[str, Any]], kind: str) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == kind)


def written(code: str) -> Iterator[str]:
    """What the code of a notebook writes into its figures."""
    for node in ast.walk(ast.parse(_MAGIC.sub("", code))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        given = [*node.args] if name in _WRITES else []
        given += [each.value for each in node.keywords if each.arg in _NAMES]
        for each in given:
            yield from (" ".join(text.split()) for text in _strings(each) if text.strip())


def _strings(node: ast.expr) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
