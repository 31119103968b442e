"""Rectangles beside, above and within one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kanoa_mlops.gateway.layout.parts import Fragment, Frame


def aligned(
    fragments: Iterable[Fragment], edge: Callable[[Frame], float], tolerance: float
) -> list[list[Fragment]]:
    """Groups of at least two whose edges are at most this many pixels from the next one's."""
    groups: list[list[Fragment]] = []
    for each in sorted(fragments, key=edge):
        if groups and edge(each) - edge(groups[-1][-1]) <= tolerance:
            groups[-1].append(each)
        else:
            groups.append([each])
    return [group for group in groups if len(group) > 1]


def around(parts: Iterable[Frame]) -> Frame:
    boxes = list(parts)
    return Frame(
        min(each.left for each in boxes),
        min(each.top for each in boxes),
        max(each.right for each in boxes),
        max(each.bottom for each in boxes),
    )


def area(frame: Frame) -> float:
    return frame.width * frame.height


def larger(one: Frame, other: Frame) -> bool:
    return area(one) > area(other)


def overlap(one: Frame, other: Frame) -> bool:
    """Whether they stand beside or above one another."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    return wide > 0.5 * min(one.width, other.width) or high > 0.5 * min(one.height, other.height)


def apart(one: Frame, other: Frame) -> float:
    """The gap between them, in pixels."""
    wide = max(one.left, other.left) - min(one.right, other.right)
    high = max(one.top, other.top) - min(one.bottom, other.bottom)
    return max(0.0, wide) + max(0.0, high)


def joined(lines: Iterable[Fragment]) -> str:
    """Lines of one label; level ones from the top, turned ones from the left."""
    return " ".join(
        each.text for each in sorted(lines, key=lambda each: each.left if each.is_turned else each.y)
    )


def place_in(box: Frame, whole: Frame) -> str:
    """Where in the whole: 'upper left', 'centre', 'right', ..."""
    across = _third((box.x - whole.left) / (whole.width or 1), ("left", "", "right"))
    down = _third((box.y - whole.top) / (whole.height or 1), ("upper", "", "lower"))
    if not down:
        return across or "centre"
    return f"{down} {across or 'centre'}"


def _third(share: float, words: tuple[str, str, str]) -> str:
    return words[min(2, max(0, int(share * 3)))]
