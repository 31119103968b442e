"""The progress of a pull, drawn: a bar with speed and time left."""

from __future__ import annotations

from pathlib import Path

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.gate import fetch


def pulled(screen: Screen, settings: Settings, model: Model, weights: Weights) -> tuple[Path, ...]:
    """The weights' verified files, fetched with a bar where they are missing."""
    with Bars(screen) as bars:
        return fetch(model, weights, settings, bars)


class Bars:
    """`weights.progress.Progress` on a terminal; else a line when a file begins and one when it is done."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(compact=True),
            console=screen.err,
            disable=not screen.err.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._last = ""

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def start(self, what: str, total_bytes: int, already: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(_short(what), total=total_bytes)
            self._line(f"{what} …")
        self._bars.reset(self._tasks[what], completed=already, total=total_bytes)
        self._last = what

    def advance(self, count: int) -> None:
        self._bars.advance(self._tasks[self._last], count)

    def note(self, message: str) -> None:
        self._screen.say(message)

    def finish(self) -> None:
        self._line(f"{self._last} done.")

    def _line(self, text: str) -> None:
        if not self._screen.err.is_terminal:
            self._screen.say(text)


def _short(what: str, most: int = 28) -> str:
    """A bar must fit 80 columns; the end of a long name tells more than its middle."""
    return what if len(what) <= most else f"{what[: most // 2 - 1]}…{what[-most // 2 :]}"
