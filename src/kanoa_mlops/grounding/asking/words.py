"""The person's own words in a message, without those that every message of their client has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kanoa_mlops.grounding.asking.boilerplate import own_part, says_something, words_of

_FENCED = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.S | re.M)
_ITEM = re.compile(r"^[ \t]*(?:[-*+\u2022]|\(?\d{1,2}[.)])[ \t]+(?P<text>\S.*)$")
_LABELLED = re.compile(
    r"^[ \t]*(?P<strong>\*\*|__)(?P<label>[^\W\d_][\w ]{1,30}):?(?P=strong):?[ \t]*(?P<value>\S.*)$"
)
_HEADED = re.compile(r"^(?:\*\*|__)[^*_]{1,60}(?:\*\*|__)\s*(?:[:\u2013\u2014-]|$)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_LONGEST = 20_000
"""Characters of prose that are looked at."""
_MOST_COLUMNS = 24
_MOST_WORDS = 60
"""Of a query; what a person asks has fewer, and a pasted page would drown it."""


@dataclass(frozen=True)
class Words:
    own: str
    """What the person asks, in one line; '' where the message holds nothing but the task."""
    data: tuple[str, ...] = ()
    """What was sent along in code fences, as it is: tables, JSON."""
    said: str = ""
    """All prose but for lists that only say how to answer."""


def own_words(message: str) -> Words:
    """Of a message's text."""
    data = tuple(match[2] for match in _FENCED.finditer(message))
    # The beginning of a long one is what was pasted, its end the question.
    prose = _FENCED.sub("\n", message)[-_LONGEST:]
    lines = list(_without_forms(prose.splitlines()))
    pieces = [*_labelled(lines), *(own_part(each) for each in _sentences(lines))]
    pieces += [_columns(each) for each in data]
    return Words(_cut(" ".join(dict.fromkeys(each for each in pieces if each))), data, "\n".join(lines))


def _labelled(lines: Sequence[str]) -> Iterator[str]:
    """What stands behind a label (`**Context**: ...`): a client's form, which the person filled."""
    for line in lines:
        if (match := _LABELLED.match(line)) and own_part(match["value"]):
            yield match["value"].strip()


def _sentences(lines: Sequence[str]) -> Iterator[str]:
    yield from _SENTENCE.split("\n".join(line for line in lines if not _LABELLED.match(line)))


def _without_forms(lines: list[str]) -> Iterator[str]:
    """Without lists that say which parts the answer is to have, and the line that leads to them."""
    at = 0
    while at < len(lines):
        items = _items(lines, at)
        if items > at + 1 and _is_form([_ITEM.match(line) for line in lines[at:items]]):
            at = items
            continue
        yield lines[at]
        at += 1


def _items(lines: list[str], at: int) -> int:
    """The end of the list that begins there."""
    end = at
    while end < len(lines) and _ITEM.match(lines[end]):
        end += 1
    return end


def _is_form(items: list[re.Match[str] | None]) -> bool:
    """All of its points are headings to be filled, or hold nothing but the task. Questions are no form."""
    texts = [item["text"] for item in items if item]
    if any("?" in text for text in texts):
        return False
    return all(_HEADED.match(text) or not own_part(text) for text in texts)


def _columns(block: str) -> str:
    """What names the data: words of its first line, or the keys of JSON."""
    head = block[:_LONGEST]
    keys = re.findall(r'"([^"\n]{1,60})"\s*:', head)
    lines = [line for line in head.splitlines() if line.strip()]
    names = keys or (words_of(lines[0].replace("_", " ")) if lines else [])
    telling = [name for name in names if says_something(name) and not name.replace(".", "").isdigit()]
    return " ".join(dict.fromkeys(telling[:_MOST_COLUMNS]))


def _cut(text: str) -> str:
    words = text.split()
    return " ".join(words[:_MOST_WORDS])
