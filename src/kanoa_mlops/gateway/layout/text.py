"""The text that stands for a figure before a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from kanoa_mlops.gateway.layout.parts import Axis, Figure, Note, Panel
from kanoa_mlops.gateway.layout.scale import parse_number

# No brackets, no imperative: very small models copy those instead of answering.
SEEN = "Text read from the figure by OCR (the curves themselves were not seen):"
BLANK = "The figure holds no text that OCR could read; what it shows was not seen."
_MOST_TICKS = 12  # ticks listed one by one
_TIMES = "x\u00d7+"  # what may stand before the number at an axis' end
_MOST_NOTES = 12  # texts in a plot listed with their places


def describe(figure: Figure) -> str:
    """The text that stands for the figure before a model. Its first line says how it was made."""
    if not figure.panels and not figure.others and not figure.titles:
        return BLANK
    lines = [SEEN, *(f"title: {each}" for each in figure.titles)]
    for number, panel in enumerate(figure.panels, 1):
        if len(figure.panels) > 1:
            lines.append(f"panel {number} ({panel.place}):")
        lines += _panel_lines(panel)
    if not figure.panels:
        lines.append("no axes were found")
    return "\n".join(lines + _other_lines("other text" if figure.panels else "text", figure.others))


def _panel_lines(panel: Panel) -> list[str]:
    lines = [f"title: {each}" for each in panel.titles]
    axes = {"x axis": panel.x, "y axis": panel.y, "right y axis": panel.right, "colour bar": panel.colour_bar}
    lines += [_axis_line(name, axis) for name, axis in axes.items() if axis]
    if panel.legend:
        lines.append(f"legend ({panel.legend_place}): {'; '.join(panel.legend)}")
    if len(panel.notes) > _MOST_NOTES:
        # So many are a table: the coordinates say which cell.
        lines.append("text in the plot: " + "; ".join(_cell(note) for note in panel.notes))
    else:
        lines += [f"text in the plot ({_where(note)}): {note.text}" for note in panel.notes]
    return lines


def _cell(note: Note) -> str:
    return f"{note.text} ({note.at})" if note.at else note.text


def _axis_line(name: str, axis: Axis) -> str:
    words = [axis.label] if axis.label else []
    if axis.is_category:
        words.append("categories " + ", ".join(axis.ticks))
    elif axis.ticks:
        scale = "log scale " if axis.is_log else ""
        words.append(f"{scale}from {axis.ticks[0]} to {axis.ticks[-1]}, {_steps(axis)}")
    if axis.factor:
        words.append(f"ticks {'plus' if axis.factor[0] in '+-' else 'times'} {axis.factor.lstrip(_TIMES)}")
    return f"{name}: {', '.join(words)}"


def _steps(axis: Axis) -> str:
    """Even ticks are said by their step: shorter than a list, and nothing is lost."""
    values = [number for tick in axis.ticks if (number := parse_number(tick)) is not None]
    steps = [b - a for a, b in pairwise(values)]
    even = len(values) == len(axis.ticks) > 2 and all(
        math.isclose(each, steps[0], rel_tol=1e-6) for each in steps
    )
    return f"in steps of {steps[0]:.6g}" if even and not axis.is_log else f"ticks {_listed(axis.ticks)}"


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
