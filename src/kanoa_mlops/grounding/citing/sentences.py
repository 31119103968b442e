"""A text in the pieces that a mark speaks for: sentences, points of a list, rows of a table."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from kanoa_mlops.grounding.citing.markers import Marker

# Between sentences stands white space; so no decimal point ends one. Abbreviations before it do not either.
_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bcf)(?<!\bca)(?<!\bapprox)(?<!\bFig)(?<!\bfig)(?<!\bTab)(?<!\bEq)(?<!\bvs)"
    r"(?<!\bNo)(?<!\bno)(?<!\bal)(?<!\bpp)(?<!\bp)"
    r"[.!?\u3002\uff01\uff1f]+[\"'\u201d\u2019)\]*_]*(?=\s)|\n+"
)


@dataclass(frozen=True)
class Sentence:
    start: int
    end: int
    """In characters of the text."""
    numbers: tuple[int, ...]
    """Of the passages it cites."""


def cited_sentences(text: str, markers: Sequence[Marker]) -> tuple[Sentence, ...]:
    """Those with a mark. One that follows the full stop speaks for the sentence before it."""
    bounds = _bounds(text, markers)
    starts = [start for start, _ in bounds]
    cited: dict[tuple[int, int], list[int]] = {}
    for marker in markers:
        bound = bounds[bisect_right(starts, marker.start) - 1]
        cited.setdefault(bound, []).extend(marker.numbers)
    return tuple(Sentence(*bound, tuple(dict.fromkeys(numbers))) for bound, numbers in cited.items())


def _bounds(text: str, markers: Sequence[Marker]) -> list[tuple[int, int]]:
    starts = {marker.start: marker.end for marker in markers}
    begun = sorted(starts)
    bounds, start = [], 0
    for match in _END.finditer(text):
        end = match.end()
        before = bisect_right(begun, match.start()) - 1
        in_mark = before >= 0 and match.start() < starts[begun[before]]
        if end <= start or in_mark:
            continue
        end = _with_marks_after(text, end, starts)
        bounds.append((start, end))
        start = end
    return [*bounds, (start, len(text) + 1)]


def _with_marks_after(text: str, end: int, starts: dict[int, int]) -> int:
    while text[end - 1] != "\n":
        at = end
        while at < len(text) and text[at] in " \t\u00a0":
            at += 1
        if at not in starts:
            break
        end = starts[at]
    return end
