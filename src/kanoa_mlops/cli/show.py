"""A plan on the screen."""

from __future__ import annotations

import shlex

from rich.style import Style
from rich.text import Text

from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.engines.flags import engine_flags
from kanoa_mlops.planner.budget import Pool, Verdict
from kanoa_mlops.planner.estimate import Estimate
from kanoa_mlops.planner.plan import Change, Plan
from kanoa_mlops.render.bar import letters, segments, usable
from kanoa_mlops.units import format_bytes, format_duration

_BAR = 48
_COLOURS = ("blue", "cyan", "magenta", "green", "yellow", "red", "bright_blue", "bright_magenta")
_VERDICTS = {
    Verdict.FITS: "fits",
    Verdict.TIGHT: "tight",
    Verdict.OFFLOAD: "fits with offload, slowly",
    Verdict.NO: "does not fit",
}


def show_plan(screen: Screen, plan: Plan, model: Model) -> None:
    """Verdict, budget, speed, reasons, flags, and what to change where it does not fit."""
    screen.print(f"{plan.title} on {plan.machine}: {_VERDICTS[plan.verdict]}")
    screen.print(f"{plan.quantization} on {plan.engine} {plan.engine_version}")
    screen.print()
    for pool in plan.budget.pools:
        _show_pool(screen, plan, pool)
    _show_measured(screen, plan)
    _show_speed(screen, plan)
    for title, lines in (("Why", plan.reasons), ("Mind", plan.warnings)):
        if lines:
            screen.print()
            screen.print(title)
            for line in lines:
                screen.item(line)
    screen.print()
    screen.print("Flags")
    screen.item(shlex.join(engine_flags(plan, model, find_weights(model, plan.weights))))
    if plan.changes:
        screen.print()
        screen.print("What would make it fit" if not plan.fits else "What would give it room")
        for change in plan.changes:
            screen.item(describe(change))


def describe(change: Change) -> str:
    """One line: what, how, its numbers and its price."""
    parts = [change.what + (f" ({change.flags})" if change.flags else "")]
    if change.capacity:
        parts.append(
            f"{format_bytes(change.need.expected)} of {format_bytes(change.capacity)}, {change.verdict}"
        )
    if change.decode:
        parts.append(f"{change.decode.expected:.0f} tokens/s")
    return "; ".join([*parts, *([change.price] if change.price else [])])


def _show_pool(screen: Screen, plan: Plan, pool: Pool) -> None:
    need = plan.budget.need(pool.where)
    name = _pool_name(plan, pool)
    screen.print(f"{name}: {format_bytes(need.expected)} of {format_bytes(pool.capacity)}")
    screen.note(f"the engine may use {pool.rule}")
    bar = Text("  ")
    for number, segment in enumerate(segments(plan.budget, pool.where, _BAR)):
        free = segment.letter == "·"
        colour = Style() if free else Style(color="black", bgcolor=_COLOURS[number % len(_COLOURS)])
        bar.append(segment.letter * segment.cells, colour)
    screen.out.print(bar, soft_wrap=True)
    if need.expected > pool.capacity:
        screen.print(f"  {'─' * usable(plan.budget, pool.where, _BAR)} so much can be used")
    lines = [line for line in plan.budget.lines if line.where == pool.where and line.size.expected > 0]
    screen.table(
        ["", "PART", "TAKES", "FROM", "TO", "RESTS ON"],
        [
            [letter, line.name, *_bounds(line.size), line.source]
            for letter, line in zip(letters(plan.budget, pool.where), lines, strict=True)
        ],
        right=["TAKES", "FROM", "TO"],
    )


def _show_measured(screen: Screen, plan: Plan) -> None:
    if not plan.comparisons:
        return
    screen.print("This very case was run here; the engine's own words are used above.")
    screen.table(
        ["PART", "PREDICTED", "MEASURED", "OFF BY"],
        [
            [
                each.part,
                format_bytes(each.predicted),
                format_bytes(each.measured),
                f"{each.predicted / each.measured - 1:+.1%}" if each.measured else "",
            ]
            for each in plan.comparisons
        ],
        right=["PREDICTED", "MEASURED", "OFF BY"],
    )


def _bounds(size: Estimate) -> tuple[str, str, str]:
    if size.low == size.high:
        return (format_bytes(size.expected), "", "")
    return (format_bytes(size.expected), format_bytes(size.low), format_bytes(size.high))


def _pool_name(plan: Plan, pool: Pool) -> str:
    if pool.where == "host":
        return "Machine's memory"
    if plan.place == "gpu":
        return "Card" if plan.gpus == 1 else f"Each of {plan.gpus} cards"
    return "Shared memory" if plan.place == "unified" else "Memory"


def _show_speed(screen: Screen, plan: Plan) -> None:
    decode, first = plan.speed.decode, plan.speed.first_token
    screen.print(
        f"Speed: {_number(decode.expected)} tokens/s ({_number(decode.low)} to {_number(decode.high)})"
    )
    screen.note(
        f"first token after {format_duration(first.expected)} "
        f"({format_duration(first.low)} to {format_duration(first.high)})"
    )
    screen.note(f"estimated from {plan.speed.basis}")


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
