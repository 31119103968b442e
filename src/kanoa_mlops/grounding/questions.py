"""Questions whose answers are known: from a file, or made of a collection's own headings and captions."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kanoa_mlops.errors import UserError
from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.types import Chunk

_CAPTION = re.compile(
    r"^\W*(?:fig(?:ure|\.)?|tab(?:le|\.)?|abb(?:ildung|\.)?)\s*\d+\s*[.:]\s*(.+)", re.I | re.M
)
_HEADINGS = re.compile(r"\s+[>/|]\s+")
_WORDS = re.compile(r"\w+")
_FEWEST_WORDS = 3
"""Of a heading or a caption that says what it stands over: "Introduction" asks for nothing."""


@dataclass(frozen=True)
class Question:
    text: str
    items: tuple[tuple[str, int | None], ...]
    """Each a source that answers, and the page where it does, counted from 1; None for any."""


def read_questions(path: Path) -> tuple[Question, ...]:
    """From JSON lines of `question`, `source` and, where it matters, `page`. A question on several lines is
    answered by each of their sources.

    Raises:
        UserError: the file is not there, or a line says something else; names it.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The questions in {path} cannot be read: {error}.") from error
    answers: dict[str, list[tuple[str, int | None]]] = defaultdict(list)
    for number, line in enumerate(lines, 1):
        if line.strip():
            text, item = _parsed(line, f"{path}, line {number}")
            answers[text].append(item)
    if not answers:
        raise UserError(f"There is no question in {path}.", hint=_EXAMPLE)
    return tuple(Question(text, tuple(items)) for text, items in answers.items())


def made_questions(archive: Archive, collection_id: str) -> tuple[Question, ...]:
    """A heading, or a caption of a figure or a table, asks for the document it stands in, if it stands in no
    other. Its words are in the document, so that what is found by them is flattered: these compare
    settings and find what is not indexed, and do not say how a person's questions will fare.
    """
    answers: dict[str, set[str]] = defaultdict(set)
    for held in archive.held(collection_id):
        for chunk in archive.chunks(collection_id, held.source):
            for text in _titles(chunk):
                answers[text].add(held.source)
    return tuple(
        Question(text, tuple((source, None) for source in sources))
        for text, sources in answers.items()
        if len(sources) == 1
    )


_EXAMPLE = (
    'A line looks like {"question": "How fast does the probe drift?", "source": "probe.pdf", "page": 3}'
)


def _parsed(line: str, where: str) -> tuple[str, tuple[str, int | None]]:
    try:
        given: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{where} is not JSON: {error}.", hint=_EXAMPLE) from error
    if not isinstance(given, dict):
        raise UserError(f"{where} is not a JSON object.", hint=_EXAMPLE)
    if unknown := ", ".join(sorted(given.keys() - {"question", "source", "page"})):
        raise UserError(f"{where} has fields that mean nothing here: {unknown}.", hint=_EXAMPLE)
    text, source, page = given.get("question"), given.get("source"), given.get("page")
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{where} has no question.", hint=_EXAMPLE)
    if not isinstance(source, str) or not source:
        raise UserError(f"{where} has no source.", hint=_EXAMPLE)
    if page is not None and (not isinstance(page, int) or isinstance(page, bool) or page < 1):
        raise UserError(f"{where} has the page {page!r}; pages are counted from 1.", hint=_EXAMPLE)
    return text.strip(), (source, page)


def _titles(chunk: Chunk) -> Iterator[str]:
    if chunk.heading:
        yield from _telling(_HEADINGS.split(chunk.heading)[-1])
    for caption in _CAPTION.findall(chunk.text):
        yield from _telling(caption)


def _telling(title: str) -> Iterator[str]:
    text = " ".join(title.split())
    if len(_WORDS.findall(text)) >= _FEWEST_WORDS:
        yield text
