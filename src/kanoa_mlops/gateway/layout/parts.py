"""The vocabulary of a figure that was read: texts with their places, and what they were found to be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """A rectangle in pixels, from the upper left corner of the picture."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def x(self) -> float:
        """The centre."""
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        """The centre."""
        return (self.top + self.bottom) / 2

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def holds(self, other: Frame) -> bool:
        """Whether the other's centre lies within."""
        return self.left <= other.x <= self.right and self.top <= other.y <= self.bottom


@dataclass(frozen=True)
class Fragment(Frame):
    """One line of text as it was read, where it stands, and how sure the reader was (0 to 1)."""

    text: str
    confidence: float

    @property
    def is_turned(self) -> bool:
        """Whether it runs upwards."""
        return self.height > 1.5 * self.width and len(self.text) > 1


@dataclass(frozen=True)
class Axis:
    """One scale of a panel. `ticks` run from left to right, or from the bottom to the top."""

    label: str = ""
    ticks: tuple[str, ...] = ()
    is_log: bool = False
    is_category: bool = False
    factor: str = ""
    """What the ticks are multiplied by or offset with, as written at the axis' end: '1e6'."""


@dataclass(frozen=True)
class Note:
    """A text, its place in words, and where the axes allow it the data coordinates of its centre."""

    text: str
    place: str
    at: str = ""


@dataclass(frozen=True)
class Panel:
    """One pair of axes with what belongs to it."""

    place: str = ""
    titles: tuple[str, ...] = ()
    x: Axis | None = None
    y: Axis | None = None
    right: Axis | None = None
    colour_bar: Axis | None = None
    legend: tuple[str, ...] = ()
    legend_place: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Figure:
    """All that was read. `titles` are those over several panels."""

    titles: tuple[str, ...] = ()
    panels: tuple[Panel, ...] = ()
    others: tuple[Note, ...] = ()
