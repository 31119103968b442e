"""Pictures of a budget and of the matrix. Wants matplotlib, and writes PNG or SVG by the file's name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kanoa_mlops.catalog.types import Platform
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.render.canvas import canvas, write
from kanoa_mlops.render.matrix import Cell
from kanoa_mlops.render.table import memory

_GIB = 2**30
_COLOURS = ("#4C78A8", "#72B7B2", "#B279A2", "#54A24B", "#EECA3B", "#E45756", "#9D755D", "#F58518")
_OUTCOMES = {
    "fits": ("#2f8f5b", "fits"),
    "tight": ("#a6d08a", "tight"),
    "offload": ("#f0c35a", "part in slower memory"),
    "hosted": ("#6aa3d8", "hosted"),
    "no": ("#ececec", "no"),
}


def draw_plan(plan: Plan, path: Path) -> None:
    """A bar a pool, each part with its size, the limit, and the bounds of the whole.

    Raises:
        MissingExtra: matplotlib is not installed.
        UserError: the file cannot be written, or its ending is neither .png nor .svg.
    """
    figure, axes = canvas(path, (9, 1.6 + 1.1 * len(plan.budget.pools)))
    names = []
    for place, pool in enumerate(plan.budget.pools):
        left = 0.0
        lines = [line for line in plan.budget.lines if line.where == pool.where and line.size.expected > 0]
        for number, line in enumerate(lines):
            width = line.size.expected / _GIB
            label = f"{line.name} {width:.2f}"
            axes.barh(place, width, left=left, color=_COLOURS[number % 8], edgecolor="white", label=label)
            left += width
        need = plan.budget.need(pool.where)
        axes.plot([need.low / _GIB, need.high / _GIB], [place + 0.46] * 2, color="black", linewidth=1.5)
        axes.plot([pool.capacity / _GIB] * 2, [place - 0.5, place + 0.5], color="#c0392b", linewidth=2.5)
        names.append("card" if pool.where == "device" and plan.place == "gpu" else "memory")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("GiB; red: what the engine may use; black: from the lower to the upper bound")
    axes.set_title(f"{plan.title}, {plan.quantization} on {plan.engine}: {plan.verdict}\n{plan.machine}")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=3, frameon=False, fontsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    write(figure, path)


def draw_matrix(cells: Sequence[Cell], platforms: Sequence[Platform], path: Path) -> None:
    """Models by platforms, coloured by verdict; a dot where it was measured.

    Raises:
        MissingExtra: matplotlib is not installed.
        UserError: the file cannot be written, or its ending is neither .png nor .svg.
    """
    models = sorted({cell.model for cell in cells})
    figure, axes = canvas(path, (3 + 0.42 * len(platforms), 2.5 + 0.3 * len(models)))
    columns = {platform.id: number for number, platform in enumerate(platforms)}
    for cell in cells:
        across, down = columns[cell.platform], models.index(cell.model)
        axes.add_patch(_square(across, down, _OUTCOMES[cell.outcome][0]))
        if cell.status.startswith("measured"):
            axes.plot(across, down, "o", color="black", markersize=4)
    axes.set_xlim(-0.5, len(platforms) - 0.5)
    axes.set_ylim(len(models) - 0.5, -0.5)
    labels = [f"{each.title} ({memory(each)})" for each in platforms]
    axes.set_xticks(range(len(platforms)), labels, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(models)), models, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for colour, label in _OUTCOMES.values():
        axes.plot([], [], "s", color=colour, label=label, markersize=9)
    axes.plot([], [], "o", color="black", markersize=4, label="measured")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=6, frameon=False, fontsize=8)
    write(figure, path)


def _square(across: int, down: int, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((across - 0.45, down - 0.42), 0.9, 0.84, color=colour)
