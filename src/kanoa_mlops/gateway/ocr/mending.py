"""What the recogniser loses, given back by the geometry of the ink: spaces, a minus, a raised exponent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from kanoa_mlops.gateway.ocr.box import Box, union

if TYPE_CHECKING:
    from kanoa_mlops.gateway.ocr.pixels import Pixels


_SPACE = (0.2, 0.34)  # of the type size: letters stand closer than this, words wider
_NUMBER = re.compile(r"-?\d*[.,]?\d+%?")
_TICK_MARK = re.compile(r"-?\d*[.,]?\d+-")
_POWER = re.compile(r"-?(\d(\.\d+)?[x\u00d7])?\d{1,2}-?[\d²³°]{1,3}")
_RAISED = str.maketrans("²³°", "230")
_LOW = "acemnorsuvwxzgpqy.,:;-_~"  # letters no higher than an x
_DEEP = "gjpqy,;()[]{}|_Q@$"  # letters that go below the line


def mend(text: str, centres: Sequence[float], marks: Sequence[Box]) -> str:
    """Spaces, a leading minus and a raised exponent, which the recogniser loses, from the ink's geometry."""
    letters = [(char, x) for char, x in zip(text, centres, strict=True) if char != " "]
    if not marks or not letters:
        return text.strip()
    if _starts_with_minus(marks) and letters[0][0] in "0123456789.":
        letters.insert(0, ("-", (marks[0].left + marks[0].right) / 2))
    plain = "".join(char for char, _ in letters)
    exact = len(marks) == len(letters)
    if _TICK_MARK.fullmatch(plain):
        return plain[:-1]
    if exact and _POWER.fullmatch(plain):
        return _with_exponent(plain, marks)
    if _NUMBER.fullmatch(plain):
        return plain
    em = _em(plain, marks)
    return _spaced(letters, marks, _wide_gaps(marks, em), exact=exact, said="" if exact else text)


def find_marks(crop: Pixels) -> list[Box]:
    """The ink of a level line, cut where a column of pixels is empty: mostly one mark a letter."""
    import numpy as np

    edge = np.concatenate([crop[0], crop[-1], crop[:, 0], crop[:, -1]])
    strength = np.abs(crop.astype(np.int16) - np.median(edge, axis=0)).max(axis=2)  # (height, width)
    ink = strength > max(30.0, 0.35 * float(strength.max()))
    filled = np.flatnonzero(np.diff(np.concatenate([[0], ink.any(axis=0), [0]]).astype(np.int8)))
    marks = []
    for left, right in zip(filled[::2].tolist(), filled[1::2].tolist(), strict=True):
        rows = np.flatnonzero(ink[:, left:right].any(axis=1))
        marks.append(Box(left, int(rows[0]), right, int(rows[-1]) + 1))
    return marks


def _starts_with_minus(marks: Sequence[Box]) -> bool:
    whole, first = union(marks), marks[0]
    middle = (first.top + first.bottom) / 2 - whole.top
    return (
        len(marks) > 1
        and first.height <= 0.3 * whole.height
        and first.width >= 1.5 * first.height
        and 0.3 * whole.height < middle < 0.85 * whole.height
    )


def _with_exponent(text: str, marks: Sequence[Box]) -> str:
    """`text` with '^' before the figures that stand above the line of the first ones, if there are such."""
    line, height = marks[0].bottom, max(each.height for each in marks)
    raised = [each.bottom < line - 0.2 * height for each in marks]
    for index in range(1, len(text)):
        # A degree sign stands there too, but is smaller than a raised figure.
        if all(raised[index:]) and not raised[index - 1] and marks[-1].height > 0.5 * height:
            return f"{text[:index]}^{text[index:].translate(_RAISED)}"
    return text


def _em(text: str, marks: Sequence[Box]) -> float:
    """The size of the type in pixels, from the height of the ink and of the letters it draws."""
    above = 0.76 if any(char not in _LOW for char in text) else 0.55
    below = 0.21 if any(char in _DEEP for char in text) else 0.0
    return union(marks).height / (above + below)


def _wide_gaps(marks: Sequence[Box], em: float) -> list[int]:
    """Which gaps (0: after the first mark) are spaces. The limit lies where the widths leave most room."""
    widths = [(after.left - before.right) / em for before, after in pairwise(marks)]
    low, high = _SPACE
    inner = sorted({low, high, *(width for width in widths if low < width < high)})
    limit = max(pairwise(inner), key=lambda pair: pair[1] - pair[0]) if len(inner) > 2 else (low, high)
    return [index for index, width in enumerate(widths) if width > sum(limit) / 2]


def _spaced(
    letters: Sequence[tuple[str, float]],
    marks: Sequence[Box],
    gaps: Sequence[int],
    *,
    exact: bool,
    said: str,
) -> str:
    breaks = set()
    for gap in gaps:
        middle = (marks[gap].right + marks[gap + 1].left) / 2
        breaks.add(gap + 1 if exact else sum(x < middle for _, x in letters))
    count = 0
    for char in said.strip():
        if char == " ":
            breaks.add(count)
        else:
            count += 1
    return "".join((" " if i in breaks and i else "") + char for i, (char, _) in enumerate(letters))
