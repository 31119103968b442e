"""Glyphs joined to lines of text, level or turned."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from kanoa_mlops.gateway.ocr.box import Box, Line, union


def join_glyphs(
    glyphs: Sequence[Box], seen: Sequence[Box], shape: tuple[int, ...], letter: float
) -> list[Line]:
    """Glyphs joined to lines, level or turned."""
    turned = _turned(glyphs, seen, shape, letter)
    lines: list[Line] = []
    for way in (False, True):
        ours = [glyph for i, glyph in enumerate(glyphs) if (i in turned) == way]
        groups = _groups(_companies(ours, shape, letter, turned=way))
        lines += [Line(union([ours[i] for i in group]), turned=way) for group in groups]
    return [line for line in lines if max(line.box.width, line.box.height) > letter / 2]


def _turned(glyphs: Sequence[Box], seen: Sequence[Box], shape: tuple[int, ...], letter: float) -> set[int]:
    """Glyphs of upright lines. Many have neighbours both ways: the wide lines the detector saw take theirs
    first, then the longest line.
    """
    heap: list[tuple[float, int, bool, list[int]]] = []
    for box in seen:
        inside = [i for i, glyph in enumerate(glyphs) if box.holds(glyph)]
        if box.width > 1.5 * box.height:
            heapq.heappush(heap, (-math.inf, len(heap), False, inside))
    for way in (False, True):
        for group in _groups(_companies(glyphs, shape, letter, turned=way)):
            heapq.heappush(heap, (-_length(glyphs, group, way), len(heap), way, group))
    turned: set[int] = set()
    taken: set[int] = set()
    while heap:
        _, order, way, group = heapq.heappop(heap)
        left = [i for i in group if i not in taken]
        if len(left) < len(group):
            if left:
                heapq.heappush(heap, (-_length(glyphs, left, way), order, way, left))
        elif not way or _is_column([glyphs[i] for i in group], letter):
            taken.update(group)
            turned.update(group if way else ())
    return turned


def _is_column(glyphs: Sequence[Box], letter: float) -> bool:
    around = union(glyphs)
    return len(glyphs) > 2 and around.height > max(2 * letter, 1.8 * around.width)


def _length(glyphs: Sequence[Box], group: Sequence[int], turned: bool) -> int:
    around = union([glyphs[i] for i in group])
    return around.height if turned else around.width


def _groups(companies: Sequence[int]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for index, company in enumerate(companies):
        groups.setdefault(company, []).append(index)
    return list(groups.values())


def _companies(glyphs: Sequence[Box], shape: tuple[int, ...], letter: float, *, turned: bool) -> list[int]:
    """For each glyph the number of the line it belongs to. A space is narrower than a letter is high."""
    import cv2
    import numpy as np

    canvas = np.zeros(shape, dtype=np.uint8)
    for glyph in glyphs:
        along = round(0.45 * max(letter, glyph.width if turned else glyph.height))
        across = round(0.08 * letter)
        x, y = (across, along) if turned else (along, across)
        cv2.rectangle(
            canvas, (glyph.left - x, glyph.top - y), (glyph.right - 1 + x, glyph.bottom - 1 + y), 255, -1
        )
    _, labels = cv2.connectedComponents(canvas, connectivity=4)
    return [int(labels[(each.top + each.bottom) // 2, (each.left + each.right) // 2]) for each in glyphs]
