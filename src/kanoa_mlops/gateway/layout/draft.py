"""A panel while texts are being given their places."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations

from kanoa_mlops.gateway.layout.geometry import around, joined, place_in
from kanoa_mlops.gateway.layout.parts import Axis, Fragment, Frame, Note
from kanoa_mlops.gateway.layout.scale import Scale


@dataclass
class Draft:
    """A panel while texts are being given their places."""

    frame: Frame
    x: Scale | None = None
    y: Scale | None = None
    right: Scale | None = None
    categories: dict[str, list[Fragment]] = field(default_factory=dict)
    labels: dict[str, list[Fragment]] = field(default_factory=dict)
    factors: dict[str, str] = field(default_factory=dict)
    titles: list[Fragment] = field(default_factory=list)
    legend: list[Fragment] = field(default_factory=list)
    notes: list[Fragment] = field(default_factory=list)
    bar: Draft | None = None

    def reach(self, side: str) -> Frame:
        """The frame with the ticks of that side ('x', 'y' or 'right') added."""
        scale: Scale | None = getattr(self, side)
        parts = [*(scale.items if scale else ()), *self.categories.get(side, ())]
        return around([self.frame, *parts])

    def axis(self, side: str) -> Axis | None:
        scale: Scale | None = getattr(self, side)
        categories = self.categories.get(side, [])
        label = joined(self.labels.get(side, ()))
        if not scale and not categories and not label:
            return None
        ticks = tuple(each.text for each in (scale.items if scale else categories))
        return Axis(label, ticks, bool(scale and scale.is_log), bool(categories), self.factors.get(side, ""))


def bar_axis(bar: Draft) -> Axis | None:
    """A bar has ticks on one side; its label may be on another."""
    axes = [axis for side in ("right", "y", "x") if (axis := bar.axis(side))]
    titles = [each.text for each in bar.titles]
    labels = [*(axis.label for axis in axes if axis.label), *titles]
    ticked = next((axis for axis in axes if axis.ticks), Axis())
    return replace(ticked, label=" ".join(labels))


def legend_place(draft: Draft) -> str:
    if not draft.legend:
        return ""
    box = around(draft.legend)
    return place_in(box, draft.frame) if draft.frame.holds(box) else "right of the plot"


def note(text: Fragment, draft: Draft) -> Note:
    parts = [part for part in (_coordinate("x", text.x, draft), _coordinate("y", text.y, draft)) if part]
    return Note(text.text, place_in(text, draft.frame), ", ".join(parts))


def _coordinate(side: str, pixel: float, draft: Draft) -> str:
    """The place on one axis; a scale of two ticks was not checked, so it says nothing."""
    scale: Scale | None = getattr(draft, side)
    if scale and len(scale.items) > 2:
        return f"{side}={_rounded(scale.value(pixel), scale)}"
    categories = draft.categories.get(side, [])
    if categories and not draft.factors.get(side):
        nearest = min(categories, key=lambda each: abs((each.x if side == "x" else each.y) - pixel))
        return f"{side}={nearest.text}"
    return ""


def _rounded(value: float, scale: Scale) -> str:
    """No finer than a tenth of a step: a text's centre is not the point it speaks of."""
    if scale.is_log:
        return f"{value:.1g}"
    step = min(abs(a - b) for a, b in combinations(scale.values, 2))
    places = max(0, 1 - math.floor(math.log10(step)))
    return f"{value:.{places}f}" if step < 10 else f"{round(value, 1 - math.floor(math.log10(step))):g}"


def joined_lines(texts: Iterable[Fragment], size: float) -> tuple[str, ...]:
    """From the top; lines that stand close are one title broken in two."""
    lines: list[str] = []
    bottom = -math.inf
    for each in sorted(texts, key=lambda each: each.y):
        if each.top - bottom < 0.8 * size:
            lines[-1] += f" {each.text}"
        else:
            lines.append(each.text)
        bottom = each.bottom
    return tuple(lines)
