"""A bench on the screen and as a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kanoa_mlops.bench.compare import What, beside_plan, differences, ratio
from kanoa_mlops.bench.level import Level
from kanoa_mlops.bench.run import Run
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.render.load import Curve, Panel, draw_load
from kanoa_mlops.units import format_bytes, format_duration

_BUSY = 0.1
"""A share of all processors."""


def show_run(screen: Screen, run: Run, last: Run | None) -> None:
    """A row a level, then the plan and the last run beside it."""
    subject = run.subject
    screen.print(f"{subject.model}, {subject.weights} on {subject.engine} {subject.engine_version}".rstrip())
    many = "1 request" if subject.sequences == 1 else f"{subject.sequences} requests"
    screen.print(f"{many} at once, {subject.context} tokens of context each")
    screen.print(subject.machine)
    numbers = ["IN FLIGHT", "FIRST TOKEN", "P95", "TOKENS/S", "IN ALL", "ERRORS", "LAST"]
    screen.table(
        ["IN FLIGHT", "PROMPT", *numbers[1:]], [_row(each, last) for each in run.levels], right=numbers
    )
    _show_plan(screen, run)
    _show_others(screen, run)
    if last:
        changed = ", ".join(differences(run, last))
        screen.note(
            f"LAST: tokens/s in all, by those of {_when(last)}"
            + (f"; since then: {changed}" if changed else "")
        )
    for level in run.levels:
        for why, count in level.failures.items():
            screen.note(f"{count} of {level.requests} {level.prompt} requests failed: {why}")


def show_history(screen: Screen, runs: Sequence[Run]) -> None:
    """A row a run, the newest last."""
    numbers = ["FIRST TOKEN", "TOKENS/S", "IN ALL"]
    rows = [
        [
            _when(run),
            f"{run.subject.engine} {run.subject.engine_version}".strip(),
            run.subject.weights,
            *_alone(run.at(1, "text")),
            _number(max((each.total_tokens_per_second for each in run.levels), default=0)),
        ]
        for run in runs
    ]
    screen.table(["DATE", "ENGINE", "WEIGHTS", *numbers], rows, right=numbers)


def draw_run(run: Run, last: Run | None, path: Path) -> None:
    """
    Raises:
        MissingExtra: matplotlib is not installed.
        UserError: the file cannot be written, or its ending is neither .png nor .svg.
    """
    subject = run.subject
    title = f"{subject.model}, {subject.weights} on {subject.engine}\n{subject.machine}"
    decode = run.predicted.decode if run.predicted else None
    first = run.predicted.first_token if run.predicted and run.predicted.prompt in _kinds(run) else None
    panels = (
        Panel("tokens/s in all", tuple(_curves(run, last, _in_all)), None),
        Panel("tokens/s of one request", tuple(_curves(run, last, _each)), decode),
        Panel("seconds to the first token", tuple(_curves(run, last, _first)), first),
    )
    draw_load(title, panels, path)


def _row(level: Level, last: Run | None) -> list[str]:
    first, each = level.first_token, level.tokens_per_second
    change = ratio(level, last)
    return [
        str(level.parallel),
        level.prompt,
        format_duration(first.median) if first else "-",
        format_duration(first.p95) if first else "-",
        _number(each.median) if each else "-",
        _number(level.total_tokens_per_second),
        str(level.errors),
        f"{change:.2f}x" if change else "-",
    ]


def _show_plan(screen: Screen, run: Run) -> None:
    rows = []
    for each in beside_plan(run):
        form, said = _FORMS[each.what], each.predicted
        bounds = (form(said.low), form(said.high)) if said.low < said.high else ("", "")
        alone = f", {run.predicted.prompt} alone" if run.predicted and each.what != "memory" else ""
        rows.append([f"{each.what}{alone}", form(each.measured), form(said.expected), *bounds, each.verdict])
    if rows:
        numbers = ["MEASURED", "PLANNED", "FROM", "TO"]
        screen.table(["", *numbers, ""], rows, right=numbers)
    elif run.memory.of_machine:
        screen.note(f"{format_bytes(run.memory.of_machine)} of the machine's memory held")


def _show_others(screen: Screen, run: Run) -> None:
    if run.others is not None and run.others > _BUSY:
        screen.note(
            f"Other programs took {run.others:.0%} of the processors meanwhile; "
            "on a machine with nothing else to do the numbers are better."
        )


def _when(run: Run) -> str:
    return f"{run.date.astimezone():%Y-%m-%d %H:%M}"


def _alone(level: Level | None) -> tuple[str, str]:
    first, each = (level.first_token, level.tokens_per_second) if level else (None, None)
    return (format_duration(first.median) if first else "-", _number(each.median) if each else "-")


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


_FORMS: dict[What, Callable[[float], str]] = {
    "tokens/s": _number,
    "first token": format_duration,
    "memory": format_bytes,
}


def _kinds(run: Run) -> list[str]:
    return list(dict.fromkeys(level.prompt for level in run.levels))


def _curves(run: Run, last: Run | None, value: Callable[[Level], float | None]) -> Iterator[Curve]:
    """One for each kind of prompt, each followed by that of the last run."""
    for kind in _kinds(run):
        for source in (run, last) if last else (run,):
            points = tuple(
                (level.parallel, number)
                for level in source.levels
                if level.prompt == kind and (number := value(level)) is not None
            )
            label = f"{kind}" + (", last run" if source is last else "")
            if points:
                yield Curve(label, points, former=source is last)


def _in_all(level: Level) -> float | None:
    return level.total_tokens_per_second or None


def _each(level: Level) -> float | None:
    return level.tokens_per_second.median if level.tokens_per_second else None


def _first(level: Level) -> float | None:
    return level.first_token.median if level.first_token else None
