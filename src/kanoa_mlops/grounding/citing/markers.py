"""The short marks by which a model says which passage a sentence stands on, in the many forms they come in.

Asked for is `[1]`. Models write `[doc1]`, `【1】`, `[1, 3]`, `[1-3]`, `[^1]`, `(source 1)` as well. What
looks like one and is not (`x[1]`, `[0, 1]`, anything in code) is left alone: a citation is never invented.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kanoa_mlops.grounding.citing.code import code_spans

_WORD = r"(?:documents?|docs?|sources?|src|passages?|references?|refs?|citations?|cite|cit|no|nr|see)"
_PREFIX = rf"(?:{_WORD}\s*[.:#_-]?\s*#?|[#^])"
_NUMBER = r"\d{1,3}(?![\d.:/]\d)"
_JOINT = r"\s*(?:,|;|&|\band\b|\bor\b|-|\u2013|\u2014|\.\.\.?|\bto\b|\s)\s*"
_PAGE = r"(?:\s*[,;:]?\s*\b(?:pp?|pages?|s|seite)\b\.?\s*\d+(?:\s*[-\u2013]\s*\d+)?)?"
_EACH = rf"(?:{_PREFIX})?{_NUMBER}{_PAGE}"
_LIST = rf"\s*{_EACH}(?:{_JOINT}{_EACH})*\s*[,;:.]?\s*"
_SQUARE = re.compile(
    rf"(?P<open>[\[\u3010\uff3b])(?P<list>{_LIST})(?:\u2020[^\]\u3011]{{0,80}})?[\]\u3011\uff3d]", re.I
)
_ROUND = re.compile(
    rf"\((?P<list>\s*(?:see\s+)?{_WORD}\s*[.:#_-]?\s*#?{_NUMBER}{_PAGE}(?:{_JOINT}{_EACH})*\s*)\)", re.I
)
_PAGES = re.compile(r"\b(?:pp?|pages?|s|seite)\b\.?\s*\d+(?:\s*[-\u2013]\s*\d+)?", re.I)
_NUMBERS = re.compile(r"\d+|-|\u2013|\u2014|\.\.\.?|\bto\b", re.I)
_LONGEST_RANGE = 50


@dataclass(frozen=True)
class Marker:
    """Where it stands, in characters, and the numbers it names in their order, each once."""

    start: int
    end: int
    numbers: tuple[int, ...]


def find_markers(text: str) -> tuple[Marker, ...]:
    """In the order of the text; none inside code."""
    code = code_spans(text)
    found: list[Marker] = []
    for match in _matches(text):
        start, end = match.span()
        if (found and start < found[-1].end) or _within(start, code):
            continue
        numbers = _numbers(match["list"])
        if not numbers or (text[start] != "(" and _is_index(text, start, found)):
            continue
        found.append(Marker(start, end, numbers))
    return tuple(found)


def _matches(text: str) -> Iterator[re.Match[str]]:
    every = [match for form in (_SQUARE, _ROUND) for match in form.finditer(text)]
    return iter(sorted(every, key=re.Match.start))


def _numbers(listed: str) -> tuple[int, ...]:
    """None where it counts from 0: passages do not, intervals do."""
    numbers: list[int] = []
    up_to = False
    for word in _NUMBERS.findall(_PAGES.sub(" ", _prefixes_off(listed))):
        if not word.isdecimal():
            up_to = True
            continue
        numbers += _range(numbers[-1], int(word)) if up_to and numbers else [int(word)]
        up_to = False
    return () if 0 in numbers else tuple(dict.fromkeys(numbers))


def _prefixes_off(listed: str) -> str:
    # The dash of "doc-1" is no range.
    return re.sub(_PREFIX, " ", listed, flags=re.I)


def _range(first: int, last: int) -> Iterable[int]:
    if first < last <= first + _LONGEST_RANGE:
        return range(first + 1, last + 1)
    return (last,)


def _is_index(text: str, start: int, found: Sequence[Marker]) -> bool:
    """Whether it stands right behind a name, a call or another index, as in code and formulas."""
    before = text[start - 1] if start else ""
    if before in ("]", "\u3011"):
        return not (found and found[-1].end == start)
    if before == ")":
        opened = _opening(text, start - 1)
        is_marker = found and found[-1].end == start
        return not is_marker and opened > 0 and (text[opened - 1].isalnum() or text[opened - 1] in "_])")
    if text[start] == "\u3010":  # is in no programming language
        return False
    return before.isalnum() or before in ("_", "\\", "{", "$")


def _opening(text: str, closing: int) -> int:
    """Where the bracket that ends there begins; 0 where it does nowhere near."""
    depth = 0
    for at in range(closing, max(-1, closing - 200), -1):
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if depth == 0:
            return at
    return 0


def _within(at: int, spans: Sequence[tuple[int, int]]) -> bool:
    before = bisect.bisect_right(spans, (at, len(spans) and spans[-1][1] + at)) - 1
    return before >= 0 and at < spans[before][1]
