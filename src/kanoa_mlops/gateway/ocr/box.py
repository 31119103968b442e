"""Rectangles of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; right and bottom are the first column and row outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def area(self) -> int:
        return self.width * self.height

    def holds(self, other: Box) -> bool:
        """Whether the other's centre lies within."""
        x, y = (other.left + other.right) / 2, (other.top + other.bottom) / 2
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def shared(self, other: Box) -> int:
        """Area in both, in square pixels."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, wide) * max(0, high)

    def grown(self, by: float) -> Box:
        x = y = round(by)
        return Box(self.left - x, self.top - y, self.right + x, self.bottom + y)


@dataclass(frozen=True)
class Line:
    """One line of text. `quad` is set where it stands aslant, `doubtful` where there may be no text."""

    box: Box
    turned: bool = False
    quad: Any = None
    doubtful: bool = False


def around(quad: Any) -> Box:
    left, top = quad.min(axis=0)
    right, bottom = quad.max(axis=0)
    return Box(int(left), int(top), int(right) + 1, int(bottom) + 1)


def within(box: Box, frames: Sequence[Box]) -> bool:
    return any(frame.holds(box) for frame in frames)


def union(boxes: Sequence[Box]) -> Box:
    return Box(
        min(each.left for each in boxes),
        min(each.top for each in boxes),
        max(each.right for each in boxes),
        max(each.bottom for each in boxes),
    )
