"""Ticks: numbers in a row or a column that grow with the pixels."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import linear_regression

from kanoa_mlops.gateway.layout.geometry import aligned, around
from kanoa_mlops.gateway.layout.parts import Fragment, Frame


@dataclass(frozen=True)
class Scale:
    """Ticks in the order of `Axis.ticks`. A pixel stands for `(pixel - offset) / slope`, or ten to that."""

    items: tuple[Fragment, ...]
    values: tuple[float, ...]
    is_row: bool
    is_log: bool
    repairs: int = 0
    """Signs that the reader lost and the position gave back."""

    @property
    def box(self) -> Frame:
        return around(self.items)

    def value(self, pixel: float) -> float:
        """What stands at this pixel."""
        seats = [each.x if self.is_row else each.y for each in self.items]
        slope, offset = linear_regression([_linear(each, self.is_log) for each in self.values], seats)
        found = (pixel - offset) / slope
        return float(10**found) if self.is_log else float(found)


def parse_number(text: str) -> float | None:
    """The value of a tick label: '-0.5', '1,000', '20%', '10^3', '1e6', '5k'."""
    plain = text.replace(" ", "").replace("$", "")
    if power := re.fullmatch(r"(-?)(?:(\d+(?:\.\d+)?)[x\u00d7·])?([1-9]\d?)\^(-?\d{1,2})", plain):
        sign, factor, base, exponent = power.groups()
        return float(f"{sign}{factor or 1}") * float(base) ** int(exponent)
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+", plain):
        plain = plain.replace(",", "")
    found = re.fullmatch(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(%|°|[kKMGB])?", plain)
    if not found:
        return None
    units = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}
    return float(found[1]) * units.get(found[2] or "", 1)


def _linear(value: float, is_log: bool) -> float:
    return math.log10(value) if is_log else value


def find_scales(fragments: Sequence[Fragment], size: float) -> list[Scale]:
    """All rows and columns of at least two ticks, the longest first; a fragment is in one of them at most."""
    numbers = [each for each in fragments if not each.is_turned and parse_number(each.text) is not None]
    found: list[Scale] = []
    while candidates := [
        scale
        for is_row, edge in _EDGES
        for cluster in aligned(numbers, edge, 0.4 * size)
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


def _best_run(cluster: Sequence[Fragment], is_row: bool, size: float) -> Scale | None:
    """The most ticks that agree on one scale: any two near ones propose it, the others are asked."""
    order = sorted(cluster, key=lambda each: each.x if is_row else -each.y)
    best: Scale | None = None
    for first, second in combinations(range(len(order)), 2):
        if second - first > 3:
            continue
        for is_log in (False, True):
            run = _run(order[first:], second - first, is_row, is_log, size)
            if run and (best is None or (len(run.items), -run.repairs) > (len(best.items), -best.repairs)):
                best = run
    return best


def _run(order: Sequence[Fragment], second: int, is_row: bool, is_log: bool, size: float) -> Scale | None:
    seats = [each.x if is_row else each.y for each in order]
    values = [parse_number(each.text) or 0.0 for each in order]
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
    return Scale(tuple(items), tuple(agreed), is_row, is_log, repairs) if len(items) > 1 else None


def _with_other_sign(fragment: Fragment) -> Fragment:
    text = fragment.text
    return replace(fragment, text=text[1:] if text.startswith("-") else f"-{text}")


def step(scale: Scale) -> float:
    """Pixels from a tick to the next."""
    first, last = scale.items[0], scale.items[-1]
    return max(abs(last.x - first.x), abs(last.y - first.y)) / (len(scale.items) - 1)
