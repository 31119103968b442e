"""A text in the pieces that a mark speaks for: sentences, points of a list, rows of a table."""

from __future__ import annotations

import re
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
    cited: dict[tuple[int, int], list[int]] = {}
    for marker in markers:
        bound = next(bound for bound in bounds if bound[0] <= marker.start < bound[1])
        cited.setdefault(bound, []).extend(marker.numbers)
    return tuple(Sentence(*bound, tuple(dict.fromkeys(numbers))) for bound, numbers in cited.items())


def _bounds(text: str, markers: Sequence[Marker]) -> list[tuple[int, int]]:
    starts = {marker.start: marker.end for marker in markers}
    within = [(marker.start, marker.end) for marker in markers]
    bounds, start = [], 0
    for match in _END.finditer(text):
        end = match.end()
        if end <= start or any(a < match.start() < b for a, b in within):
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
