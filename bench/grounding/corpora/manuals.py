"""Manual pages, each asked for by the line that `whatis` shows of it.

Out of a package of Debian.
"""

from __future__ import annotations

import gzip
import random
import re
from pathlib import Path

from bench.grounding.corpora.debian import taken_apart
from bench.grounding.corpus import Corpus, asked_once, kept

_PACKAGE = "manpages-dev"
_SECTION = re.compile(r"^\.SH\s+", re.MULTILINE)
_REQUEST = re.compile(r"^[.'][A-Za-z\\]+ ?", re.MULTILINE)
_COMMENT = re.compile(r"""^[.']?\\["#].*$|^'\\".*$|\\".*$""", re.MULTILINE)
_ESCAPE = re.compile(r"\\(?:f\(?\w|s[+-]?\d|\(\w\w|[&/,|^%:])")
_LEFT_OUT = ("NAME", "LIBRARY", "SEE ALSO", "VERSIONS", "ATTRIBUTES", "STANDARDS")
_SHORTEST_WORDS = 40
_QUESTIONS = 300
_SEED = 6


def manuals() -> Corpus:
    return kept(f"manuals-{_PACKAGE}", _made)


def _made() -> Corpus:
    documents: dict[str, str] = {}
    questions: dict[str, str] = {}
    with taken_apart(_PACKAGE) as package:
        for path in sorted(package.tree.rglob("man[23]/*.gz")):
            question, text = read_page(path)
            if question and len(text.split()) >= _SHORTEST_WORDS and text not in documents.values():
                documents[path.stem], questions[path.stem] = text, question
        version = package.version
    alone = asked_once(questions)
    chosen = random.Random(_SEED).sample(alone, min(_QUESTIONS, len(alone)))
    return Corpus(
        "man pages",
        f"{len(documents):,} manual pages of Linux's calls without their names; {len(chosen)} of them by the "
        "line that whatis shows",
        f"GPL-2+ and others, {_PACKAGE} {version} of Debian",
        documents,
        {name: questions[name] for name in chosen},
        {name: frozenset({name}) for name in chosen},
    )


def read_page(path: Path) -> tuple[str, str]:
    """What it is, and all the rest."""
    roff = _COMMENT.sub("", gzip.decompress(path.read_bytes()).decode("utf-8", "replace"))
    question, texts = "", []
    for part in _SECTION.split(roff)[1:]:
        title, _, text = part.partition("\n")
        if title == "NAME":
            question = _plain(text).partition(" - ")[2]
        elif title.strip('" ') not in _LEFT_OUT:
            texts.append(_plain(text))
    return question, " ".join(texts)


def _plain(roff: str) -> str:
    text = _ESCAPE.sub("", _REQUEST.sub("", roff).replace("\\-", "-").replace("\\e", "\\"))
    return " ".join(text.replace('"', "").split())
