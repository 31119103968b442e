"""The picture of a bench: how speed and waiting change with the requests in flight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kanoa_mlops.planner.estimate import Estimate
from kanoa_mlops.render.canvas import canvas, write

_COLOURS = ("#4C78A8", "#F58518", "#54A24B", "#B279A2", "#E45756", "#9D755D", "#72B7B2", "#EECA3B")


@dataclass(frozen=True)
class Curve:
    """Values by requests in flight."""

    label: str
    points: tuple[tuple[int, float], ...]
    former: bool = False
    """Of the last run: drawn faintly, in the colour of the curve before it."""


@dataclass(frozen=True)
class Panel:
    title: str
    curves: tuple[Curve, ...]
    predicted: Estimate | None
    """What the plan said of one request alone."""


def draw_load(title: str, panels: Sequence[Panel], path: Path) -> None:
    """
    Args:
        panels: two or more, side by side.

    Raises:
        MissingExtra: matplotlib is not installed.
        UserError: the file cannot be written, or its ending is neither .png nor .svg.
    """
    figure, all_axes = canvas(path, (4.6 * len(panels), 3.9), across=len(panels))
    for axes, panel in zip(all_axes, panels, strict=True):
        _draw(axes, panel)
    figure.suptitle(title, fontsize=10)
    figure.tight_layout()
    write(figure, path)


def _draw(axes: Any, panel: Panel) -> None:
    number = -1
    for curve in panel.curves:
        number += not curve.former
        style = {"linestyle": "--", "alpha": 0.5} if curve.former else {"marker": "o", "markersize": 4}
        across, up = [point[0] for point in curve.points], [point[1] for point in curve.points]
        axes.plot(across, up, label=curve.label, color=_COLOURS[number % len(_COLOURS)], **style)
    if panel.predicted:
        low, high = panel.predicted.low, panel.predicted.high
        # Alone: the plan says nothing of many.
        axes.plot([1, 1], [low, high], color="black", linewidth=5, alpha=0.25, label="plan, alone")
        axes.plot([1], [panel.predicted.expected], "_", color="black", markersize=9)
    ticks = sorted({point[0] for curve in panel.curves for point in curve.points})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("requests in flight")
    axes.set_title(panel.title, fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=7)
    axes.spines[["top", "right"]].set_visible(False)
