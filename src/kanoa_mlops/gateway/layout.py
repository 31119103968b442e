"""What the texts of a figure are: titles, axes with ticks, legends, notes. Pure: fragments in, text out.

Nothing read is dropped: what has no place in a chart is listed as other text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import linear_regression, median

SEEN = (
    "[Figure, read by OCR: the text in the picture and where it stands; the curves themselves were not seen]"
)
BLANK = "[Figure, read by OCR: no text was found in the picture; what it shows was not seen]"
_MOST_TICKS = 12  # ticks listed one by one
_TIMES = "x\u00d7+"  # what may stand before the number at an axis' end
_MOST_NOTES = 12  # texts in a plot listed with their places


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


def arrange(
    fragments: Sequence[Fragment], width: float, height: float, frames: Sequence[Frame] = ()
) -> Figure:
    """The figure these texts make, in a picture of this many pixels.

    `frames` are rectangles drawn in the picture, as around axes and legends. They help and are not needed.
    """
    texts = [_tidied(each) for each in fragments if each.text.strip()]
    if not texts:
        return Figure()
    return _Arrangement(texts, Frame(0, 0, width, height), list(frames)).figure()


def describe(figure: Figure) -> str:
    """The text that stands for the figure before a model. Its first line says how it was made."""
    if not figure.panels and not figure.others and not figure.titles:
        return BLANK
    lines = [SEEN, *(f"Title: {each}" for each in figure.titles)]
    for number, panel in enumerate(figure.panels, 1):
        if len(figure.panels) > 1:
            lines.append(f"Panel {number} ({panel.place}):")
        lines += _panel_lines(panel)
    if not figure.panels:
        lines.append("No axes were found.")
    return "\n".join(lines + _other_lines("Other text" if figure.panels else "Text", figure.others))


# --- the description ---


def _panel_lines(panel: Panel) -> list[str]:
    lines = [f"Title: {each}" for each in panel.titles]
    axes = {"x axis": panel.x, "y axis": panel.y, "right y axis": panel.right, "colour bar": panel.colour_bar}
    lines += [_axis_line(name, axis) for name, axis in axes.items() if axis]
    if panel.legend:
        lines.append(f"Legend ({panel.legend_place}): {'; '.join(panel.legend)}")
    if len(panel.notes) > _MOST_NOTES:
        lines.append("Text in the plot: " + "; ".join(note.text for note in panel.notes))
    else:
        lines += [f"Text in the plot ({_where(note)}): {note.text}" for note in panel.notes]
    return lines


def _axis_line(name: str, axis: Axis) -> str:
    words = [axis.label] if axis.label else []
    if axis.is_category:
        words.append("categories " + ", ".join(axis.ticks))
    elif axis.ticks:
        scale = "log scale " if axis.is_log else ""
        words.append(f"{scale}{axis.ticks[0]} to {axis.ticks[-1]}, ticks {_listed(axis.ticks)}")
    if axis.factor:
        words.append(f"ticks {'plus' if axis.factor[0] in '+-' else 'times'} {axis.factor.lstrip(_TIMES)}")
    return f"{name}: {'; '.join(words)}"


def _listed(ticks: Sequence[str]) -> str:
    if len(ticks) <= _MOST_TICKS:
        return ", ".join(ticks)
    return f"{', '.join(ticks[:3])}, ..., {ticks[-1]}"


def _where(note: Note) -> str:
    return f"{note.place}, near {note.at}" if note.at else note.place


def _other_lines(name: str, others: Sequence[Note]) -> list[str]:
    places: dict[str, list[str]] = {}
    for note in others:
        places.setdefault(note.place, []).append(note.text)
    return [f"{name} ({place}): {'; '.join(texts)}" for place, texts in places.items()]


# --- scales: numbers in a row or a column that grow with the pixels ---


@dataclass(frozen=True)
class _Scale:
    """Ticks in the order of `Axis.ticks`. A pixel stands for `(pixel - offset) / slope`, or ten to that."""

    items: tuple[Fragment, ...]
    values: tuple[float, ...]
    is_row: bool
    is_log: bool
    repairs: int = 0
    """Signs that the reader lost and the position gave back."""

    @property
    def box(self) -> Frame:
        return _around(self.items)

    def value(self, pixel: float) -> float:
        """What stands at this pixel."""
        seats = [each.x if self.is_row else each.y for each in self.items]
        slope, offset = linear_regression([_linear(each, self.is_log) for each in self.values], seats)
        found = (pixel - offset) / slope
        return float(10**found) if self.is_log else float(found)


def _number(text: str) -> float | None:
    """The value of a tick label: '-0.5', '1,000', '20%', '10^3', '1e6', '5k'."""
    plain = text.replace(" ", "").replace("$", "")
    if power := re.fullmatch(r"(-?)(?:(\d+(?:\.\d+)?)[x\u00d7·])?10\^(-?\d+)", plain):
        sign, factor, exponent = power.groups()
        return float(f"{sign}{factor or 1}e{exponent}")
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+", plain):
        plain = plain.replace(",", "")
    found = re.fullmatch(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(%|°|[kKMGB])?", plain)
    if not found:
        return None
    units = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}
    return float(found[1]) * units.get(found[2] or "", 1)


def _linear(value: float, is_log: bool) -> float:
    return math.log10(value) if is_log else value


def _scales(fragments: Sequence[Fragment], size: float) -> list[_Scale]:
    """All rows and columns of at least two ticks, the longest first; a fragment is in one of them at most."""
    numbers = [each for each in fragments if not each.is_turned and _number(each.text) is not None]
    found: list[_Scale] = []
    while candidates := [
        scale
        for is_row, edge in _EDGES
        for cluster in _aligned(numbers, edge, 0.4 * size)
        if (scale := _best_run(cluster, is_row, size))
    ]:
        best = max(candidates, key=lambda each: (len(each.items), -each.repairs))
        found.append(best)
        # By place, as the sign of a kept fragment may have been repaired.
        taken = {(each.left, each.top) for each in best.items}
        numbers = [each for each in numbers if (each.left, each.top) not in taken]
    return found


_EDGES: tuple[tuple[bool, Callable[[Frame], float]], ...] = (
    (True, lambda each: each.y),
    (False, lambda each: each.right),
    (False, lambda each: each.left),
)


def _aligned(
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


def _best_run(cluster: Sequence[Fragment], is_row: bool, size: float) -> _Scale | None:
    """The most ticks that agree on one scale: any two near ones propose it, the others are asked."""
    order = sorted(cluster, key=lambda each: each.x if is_row else -each.y)
    best: _Scale | None = None
    for first, second in combinations(range(len(order)), 2):
        if second - first > 3:
            continue
        for is_log in (False, True):
            run = _run(order[first:], second - first, is_row, is_log, size)
            if run and (best is None or (len(run.items), -run.repairs) > (len(best.items), -best.repairs)):
                best = run
    return best


def _run(order: Sequence[Fragment], second: int, is_row: bool, is_log: bool, size: float) -> _Scale | None:
    seats = [each.x if is_row else each.y for each in order]
    values = [_number(each.text) or 0.0 for each in order]
    start, other = values[0], values[second]
    if start == other or abs(seats[second] - seats[0]) < 1.2 * size or (is_log and min(start, other) <= 0):
        return None
    slope = (seats[second] - seats[0]) / (_linear(other, is_log) - _linear(start, is_log))
    items: list[Fragment] = []
    agreed: list[float] = []
    repairs = 0
    for each, seat, value in zip(order, seats, values, strict=True):
        for read in (value, -value):
            if is_log and read <= 0:
                continue
            away = seat - seats[0] - slope * (_linear(read, is_log) - _linear(start, is_log))
            # A tick names its place once; a second one there is some other number.
            if abs(away) <= max(2.0, 0.3 * size) and read not in agreed:
                items.append(each if read == value else _with_other_sign(each))
                agreed.append(read)
                repairs += read != value
                break
    return _Scale(tuple(items), tuple(agreed), is_row, is_log, repairs) if len(items) > 1 else None


def _with_other_sign(fragment: Fragment) -> Fragment:
    text = fragment.text
    return replace(fragment, text=text[1:] if text.startswith("-") else f"-{text}")


# --- panels ---


_TOP_FACTOR = re.compile(r"([x\u00d7]?10\^-?\d+|[x\u00d7]?1e[-+]?\d+)?([-+]\d[\d.e+-]*)?")


@dataclass
class _Draft:
    """A panel while texts are being given their places."""

    frame: Frame
    x: _Scale | None = None
    y: _Scale | None = None
    right: _Scale | None = None
    categories: dict[str, list[Fragment]] = field(default_factory=dict)
    labels: dict[str, list[Fragment]] = field(default_factory=dict)
    factors: dict[str, str] = field(default_factory=dict)
    titles: list[Fragment] = field(default_factory=list)
    legend: list[Fragment] = field(default_factory=list)
    notes: list[Fragment] = field(default_factory=list)
    bar: _Draft | None = None

    def reach(self, side: str) -> Frame:
        """The frame with the ticks of that side ('x', 'y' or 'right') added."""
        scale: _Scale | None = getattr(self, side)
        parts = [*(scale.items if scale else ()), *self.categories.get(side, ())]
        return _around([self.frame, *parts])

    def axis(self, side: str) -> Axis | None:
        scale: _Scale | None = getattr(self, side)
        categories = self.categories.get(side, [])
        label = _joined(self.labels.get(side, ()))
        if not scale and not categories and not label:
            return None
        ticks = tuple(each.text for each in (scale.items if scale else categories))
        return Axis(label, ticks, bool(scale and scale.is_log), bool(categories), self.factors.get(side, ""))


class _Arrangement:
    """Gives every text its place; each step takes from `rest` what it understands."""

    def __init__(self, texts: list[Fragment], picture: Frame, frames: list[Frame]) -> None:
        self.rest = texts
        self.picture = picture
        self.frames = frames
        self.size = median(min(each.width, each.height) for each in texts)
        self.drafts: list[_Draft] = []
        self.titles: list[Fragment] = []

    def figure(self) -> Figure:
        self._place_scales()
        self._place_categories()
        self._join_colour_bars()
        self._place_factors()
        self._place_labels()
        self._place_titles()
        self._place_insides()
        self._place_outer_legends()
        panels = sorted(
            self.drafts, key=lambda each: (round(each.frame.top / (4 * self.size)), each.frame.left)
        )
        others = sorted(self.rest, key=lambda each: (round(each.y / self.size), each.x))
        return Figure(
            tuple(each.text for each in self.titles),
            tuple(self._panel(each) for each in panels),
            tuple(Note(each.text, _place(each, self.picture)) for each in others),
        )

    def _take(self, texts: Iterable[Fragment]) -> list[Fragment]:
        # By place, as a tick's sign may have been repaired.
        taken = list(texts)
        places = {(each.left, each.top) for each in taken}
        self.rest = [each for each in self.rest if (each.left, each.top) not in places]
        return taken

    # Frames, and the scales beside them

    def _place_scales(self) -> None:
        scales = _scales(self.rest, self.size)
        drafts = [_Draft(frame) for frame in self.frames]
        left = self._beside(scales, drafts)
        outside = [each for each in left if not any(frame.holds(each.box) for frame in self.frames)]
        guessed = [_Draft(frame) for frame in self._guessed(outside)]
        self._beside(outside, guessed)
        self.drafts = [each for each in drafts + guessed if self._is_panel(each, drafts)]
        self._take(
            item
            for draft in self.drafts
            for scale in (draft.x, draft.y, draft.right)
            if scale
            for item in scale.items
        )

    def _beside(self, scales: Sequence[_Scale], drafts: Sequence[_Draft]) -> list[_Scale]:
        """Gives each scale to the nearest side of a frame that is free; returns those that found none."""
        offers = sorted(
            (
                (distance, number, draft, side)
                for number, scale in enumerate(scales)
                for draft in drafts
                for side, distance in self._distances(scale, draft.frame)
            ),
            key=lambda offer: offer[0],
        )
        placed: set[int] = set()
        for _, number, draft, side in offers:
            if number not in placed and getattr(draft, side) is None:
                setattr(draft, side, scales[number])
                placed.add(number)
        return [each for number, each in enumerate(scales) if number not in placed]

    def _distances(self, scale: _Scale, frame: Frame) -> list[tuple[str, float]]:
        """How far the scale stands from the sides it could belong to, in pixels."""
        box = scale.box
        near, size = 3 * self.size, self.size
        if scale.is_row:
            spans = all(frame.left - size <= each.x <= frame.right + size for each in scale.items)
            sides = [("x", box.top - frame.bottom), ("x", frame.top - box.bottom)]
        else:
            spans = all(frame.top - size <= each.y <= frame.bottom + size for each in scale.items)
            sides = [("y", frame.left - box.right), ("right", box.left - frame.right)]
        return [(side, away) for side, away in sides if spans and -size / 2 <= away <= near]

    def _guessed(self, scales: Sequence[_Scale]) -> list[Frame]:
        """Frames that nobody drew, from a column of ticks and the row below and right of it."""
        columns = [each for each in scales if not each.is_row]
        rows = [each for each in scales if each.is_row]
        frames: list[Frame] = []
        paired: list[_Scale] = []
        for column in columns:
            below = [row for row in rows if row not in paired and self._is_corner(column, row)]
            if not below:
                continue
            row = min(
                below, key=lambda each: each.box.left - column.box.right + each.box.top - column.box.bottom
            )
            paired += [column, row]
            frames.append(self._between(column, row))
        for scale in scales:
            if len(scale.items) > 2 and scale not in paired and not self._is_right_of(scale, frames):
                frames.append(self._beyond(scale))
        return frames

    def _is_corner(self, column: _Scale, row: _Scale) -> bool:
        if max(len(column.items), len(row.items)) < 3:
            return False
        down = row.box.y - column.items[0].y
        across = row.items[0].x - column.box.right
        return -self.size / 2 <= down <= max(
            1.3 * _step(column), 4 * self.size
        ) and -self.size <= across <= max(1.3 * _step(row), 6 * self.size)

    def _between(self, column: _Scale, row: _Scale) -> Frame:
        return Frame(
            column.box.right + self.size / 2,
            column.items[-1].y - min(_step(column) / 2, self.size),
            row.items[-1].x + min(_step(row) / 2, self.size),
            row.box.top - self.size / 2,
        )

    def _is_right_of(self, scale: _Scale, frames: Sequence[Frame]) -> bool:
        return not scale.is_row and any(
            -self.size <= scale.box.left - each.right <= 3 * self.size
            and each.top <= scale.box.y <= each.bottom
            for each in frames
        )

    def _beyond(self, scale: _Scale) -> Frame:
        """Of an axis alone: as far as the picture goes, less its margin."""
        box, half = scale.box, _step(scale) / 2
        if scale.is_row:
            return Frame(box.left, 0.12 * self.picture.bottom, box.right, box.top - self.size / 2)
        top, right = box.top - min(half, self.size), 0.9 * self.picture.right
        if box.right + 4 * self.size > right:
            return Frame(box.left - self.size - 1, top, box.left - self.size / 2, box.bottom)
        # The row of words under it ends it; the lowest tick may stand a step above.
        under = [each for each in self.rest if self.size < each.top - box.bottom < 2 * half + 3 * self.size]
        rows = _aligned(under, lambda each: each.top, 0.5 * self.size)
        bottom = rows[0][0].top - self.size / 2 if rows else box.bottom
        return Frame(box.right + self.size / 2, top, right, bottom)

    def _is_panel(self, draft: _Draft, drafts: Sequence[_Draft]) -> bool:
        if draft.x or draft.y or draft.right:
            return True
        frame = draft.frame
        inner = any(
            each.frame.holds(frame) for each in drafts if each is not draft and _larger(each.frame, frame)
        )
        large = frame.width > 0.15 * self.picture.width and frame.height > 0.15 * self.picture.height
        return large and not inner

    # Ticks that are words or dates

    def _place_categories(self) -> None:
        for draft in self.drafts:
            if draft.x is None:
                self._keep_categories(draft, "x", self._row_below(draft.frame))
            if draft.y is None:
                self._keep_categories(draft, "y", self._column_left(draft.frame))

    def _keep_categories(self, draft: _Draft, side: str, texts: list[Fragment]) -> None:
        if len(texts) > 1:
            draft.categories[side] = self._take(texts)

    def _row_below(self, frame: Frame) -> list[Fragment]:
        near = [
            each
            for each in self.rest
            if -self.size / 2 <= each.top - frame.bottom <= 3 * self.size
            and frame.left - self.size <= each.right
            and each.x <= frame.right + self.size
        ]
        rows = _aligned(near, lambda each: each.top, 0.5 * self.size)
        return sorted(rows[0], key=lambda each: each.right) if rows else []

    def _column_left(self, frame: Frame) -> list[Fragment]:
        near = [
            each
            for each in self.rest
            if -self.size / 2 <= frame.left - each.right <= 3 * self.size
            and frame.top <= each.y <= frame.bottom
            and not each.is_turned
        ]
        columns = _aligned(near, lambda each: each.right, 0.5 * self.size)
        return sorted(columns[-1], key=lambda each: -each.y) if columns else []

    # Colour bars

    def _join_colour_bars(self) -> None:
        for bar in [each for each in self.drafts if self._is_bar(each)]:
            hosts = [each for each in self.drafts if each is not bar and not self._is_bar(each)]
            hosts = [each for each in hosts if each.bar is None and _overlap(each.frame, bar.frame)]
            if hosts:
                host = min(hosts, key=lambda each: _apart(each.frame, bar.frame))
                host.bar = bar
                self.drafts.remove(bar)

    def _is_bar(self, draft: _Draft) -> bool:
        thin, long = sorted([draft.frame.width, draft.frame.height])
        return thin <= 3.5 * self.size and long > 5 * thin

    # Labels, titles and factors around the frames

    def _all(self) -> list[_Draft]:
        return self.drafts + [each.bar for each in self.drafts if each.bar]

    def _place_factors(self) -> None:
        for text in list(self.rest):
            if not re.search(r"e|10\^|^[-+]", text.text) or not _TOP_FACTOR.fullmatch(
                text.text.replace(" ", "")
            ):
                continue
            for draft in self._all():
                side = self._factor_side(text, draft)
                if side and side not in draft.factors:
                    draft.factors[side] = text.text
                    self._take([text])
                    break

    def _factor_side(self, text: Fragment, draft: _Draft) -> str:
        frame, near = draft.frame, 4 * self.size
        if 0 <= frame.top - text.y <= near:
            if abs(text.left - frame.left) < near and draft.y:
                return "y"
            return "right" if abs(text.right - frame.right) < near and draft.right else ""
        under = 0 <= text.top - draft.reach("x").bottom + self.size <= near
        return "x" if under and abs(text.right - frame.right) < near and draft.x else ""

    def _place_labels(self) -> None:
        offers: list[tuple[float, Fragment, _Draft, str]] = []
        for text in self.rest:
            for draft in self._all():
                offers += [(away, text, draft, side) for side, away in self._label_sides(text, draft)]
        placed: list[Fragment] = []
        for away, text, draft, side in sorted(offers, key=lambda offer: offer[0]):
            if text in placed:
                continue
            present = draft.labels.get(side, [])
            # A second line of a label follows at once; anything further off is something else.
            if present and min(_apart(text, each) for each in present) > 0.8 * self.size:
                continue
            if side == "title":
                if away <= 4 * self.size:
                    draft.titles.append(text)
                    placed.append(text)
                continue
            draft.labels.setdefault(side, []).append(text)
            placed.append(text)
        self._take(placed)

    def _label_sides(self, text: Fragment, draft: _Draft) -> list[tuple[str, float]]:
        """The sides of this panel where the text could be a label, and how far it is from the ticks there."""
        frame, far = draft.frame, 5 * self.size
        sides: list[tuple[str, float]] = []
        if text.is_turned:
            if frame.top <= text.y <= frame.bottom:
                sides = [
                    ("y", draft.reach("y").left - text.right),
                    ("right", text.left - draft.reach("right").right),
                ]
        elif frame.left <= text.x <= frame.right:
            above = min(draft.reach("x").top, frame.top)
            sides = [("x", text.top - draft.reach("x").bottom), ("title", above - text.bottom)]
        return [(side, away) for side, away in sides if -self.size / 2 <= away <= far]

    def _place_titles(self) -> None:
        """With several panels, a line above all the others' titles is the figure's."""
        if len(self.drafts) > 1:
            highest = min(each.frame.top for each in self.drafts)
            for draft in self._all():
                if draft.frame.top <= highest + self.size:
                    self._raise_titles(draft)
        self._take_headlines()
        self.titles.sort(key=lambda each: each.y)

    def _raise_titles(self, draft: _Draft) -> None:
        others = [text for each in self._all() if each is not draft for text in each.titles]
        for text in list(draft.titles):
            alone = all(abs(each.y - text.y) > self.size for each in others)
            over_others = any(each.y > text.y + self.size for each in [*others, *draft.titles])
            aside = abs(text.x - draft.frame.x) > 2 * self.size
            if alone and self._is_central(text) and (over_others or aside):
                draft.titles.remove(text)
                self.titles.append(text)

    def _take_headlines(self) -> None:
        highest = min((each.frame.top for each in self.drafts), default=0.0)
        above = [each for each in self.rest if each.bottom <= highest and not each.is_turned]
        self.titles += self._take(each for each in above if self._is_central(each))

    def _is_central(self, text: Fragment) -> bool:
        return abs(text.x - self.picture.x) < 0.15 * self.picture.width

    # Legends and notes

    def _place_insides(self) -> None:
        for draft in sorted(self.drafts, key=lambda each: each.frame.width * each.frame.height):
            inside = self._take(each for each in self.rest if draft.frame.holds(each))
            draft.legend = self._legend(inside, draft.frame)
            draft.notes = [each for each in inside if each not in draft.legend]

    def _legend(self, inside: Sequence[Fragment], frame: Frame) -> list[Fragment]:
        boxes = [each for each in self.frames if frame.holds(each) and _larger(frame, each)]
        for box in boxes:
            held = [each for each in inside if box.holds(each)]
            if held and not any(_number(each.text) is not None for each in held):
                return sorted(held, key=lambda each: (round(each.left / (4 * self.size)), each.y))
        return self._entries(inside)

    def _entries(self, texts: Sequence[Fragment]) -> list[Fragment]:
        """The most words that share a left edge and stand one line below another."""
        words = [each for each in texts if _number(each.text) is None and not each.is_turned]
        best: list[Fragment] = []
        for column in _aligned(words, lambda each: each.left, 0.4 * self.size):
            run: list[Fragment] = []
            for each in sorted(column, key=lambda each: each.y):
                run = [*run, each] if run and each.y - run[-1].y < 3 * self.size else [each]
                best = max(best, run, key=len)
        return best if len(best) > 1 else []

    def _place_outer_legends(self) -> None:
        for draft in self.drafts:
            if not draft.legend:
                right = [
                    each for each in self.rest if each.left >= draft.frame.right and draft.frame.top <= each.y
                ]
                draft.legend = self._take(self._entries(right))

    # The result

    def _panel(self, draft: _Draft) -> Panel:
        return Panel(
            place=_place(draft.frame, self.picture),
            titles=tuple(each.text for each in sorted(draft.titles, key=lambda each: each.y)),
            x=draft.axis("x"),
            y=draft.axis("y"),
            right=draft.axis("right"),
            colour_bar=_bar_axis(draft.bar) if draft.bar else None,
            legend=tuple(each.text for each in draft.legend),
            legend_place=_legend_place(draft),
            notes=tuple(
                _note(each, draft) for each in sorted(draft.notes, key=lambda each: (each.y, each.x))
            ),
        )


def _bar_axis(bar: _Draft) -> Axis | None:
    """A bar has ticks on one side; its label may be on another."""
    axes = [axis for side in ("right", "y", "x") if (axis := bar.axis(side))]
    titles = [each.text for each in bar.titles]
    labels = [*(axis.label for axis in axes if axis.label), *titles]
    ticked = next((axis for axis in axes if axis.ticks), Axis())
    return replace(ticked, label=" ".join(labels))


def _legend_place(draft: _Draft) -> str:
    if not draft.legend:
        return ""
    box = _around(draft.legend)
    return _place(box, draft.frame) if draft.frame.holds(box) else "right of the plot"


def _note(text: Fragment, draft: _Draft) -> Note:
    parts = [part for part in (_coordinate("x", text.x, draft), _coordinate("y", text.y, draft)) if part]
    return Note(text.text, _place(text, draft.frame), ", ".join(parts))


def _coordinate(side: str, pixel: float, draft: _Draft) -> str:
    """The place on one axis; a scale of two ticks was not checked, so it says nothing."""
    scale: _Scale | None = getattr(draft, side)
    if scale and len(scale.items) > 2:
        return f"{side}={_rounded(scale.value(pixel), scale)}"
    categories = draft.categories.get(side, [])
    if categories and not draft.factors.get(side):
        nearest = min(categories, key=lambda each: abs((each.x if side == "x" else each.y) - pixel))
        return f"{side}={nearest.text}"
    return ""


def _rounded(value: float, scale: _Scale) -> str:
    """No finer than a tenth of a step: a text's centre is not the point it speaks of."""
    if scale.is_log:
        return f"{value:.1g}"
    step = min(abs(a - b) for a, b in combinations(scale.values, 2))
    places = max(0, 1 - math.floor(math.log10(step)))
    return f"{value:.{places}f}" if step < 10 else f"{round(value, 1 - math.floor(math.log10(step))):g}"


# --- geometry ---


def _tidied(fragment: Fragment) -> Fragment:
    return replace(fragment, text=fragment.text.strip().replace("\u2212", "-"))


def _around(parts: Iterable[Frame]) -> Frame:
    boxes = list(parts)
    return Frame(
        min(each.left for each in boxes),
        min(each.top for each in boxes),
        max(each.right for each in boxes),
        max(each.bottom for each in boxes),
    )


def _step(scale: _Scale) -> float:
    """Pixels from a tick to the next."""
    first, last = scale.items[0], scale.items[-1]
    return max(abs(last.x - first.x), abs(last.y - first.y)) / (len(scale.items) - 1)


def _larger(one: Frame, other: Frame) -> bool:
    return one.width * one.height > other.width * other.height


def _overlap(one: Frame, other: Frame) -> bool:
    """Whether they stand beside or above one another."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    return wide > 0.5 * min(one.width, other.width) or high > 0.5 * min(one.height, other.height)


def _apart(one: Frame, other: Frame) -> float:
    """The gap between them, in pixels."""
    wide = max(one.left, other.left) - min(one.right, other.right)
    high = max(one.top, other.top) - min(one.bottom, other.bottom)
    return max(0.0, wide) + max(0.0, high)


def _joined(lines: Iterable[Fragment]) -> str:
    """Lines of one label; level ones from the top, turned ones from the left."""
    return " ".join(
        each.text for each in sorted(lines, key=lambda each: each.left if each.is_turned else each.y)
    )


def _place(box: Frame, whole: Frame) -> str:
    """Where in the whole: 'upper left', 'centre', 'right', ..."""
    across = _third((box.x - whole.left) / (whole.width or 1), ("left", "", "right"))
    down = _third((box.y - whole.top) / (whole.height or 1), ("upper", "", "lower"))
    if not down:
        return across or "centre"
    return f"{down} {across or 'centre'}"


def _third(share: float, words: tuple[str, str, str]) -> str:
    return words[min(2, max(0, int(share * 3)))]
