"""What people see: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH_WITHOUT_TERMINAL = 80
_BETWEEN = 2
"""Characters between two columns, and at the edges of a table together."""


class Screen:
    """Two consoles. Wide output folds at 80 columns where there is no terminal to measure."""

    @cached_property
    def out(self) -> Console:
        return _console(sys.stdout)

    @cached_property
    def err(self) -> Console:
        return _console(sys.stderr, stderr=True)

    def say(self, text: str = "") -> None:
        """Something for the person, not data."""
        # Not folded: what is long is most often a path or a command, to be copied.
        if "err" in vars(self):  # above the bar, where one is drawn
            self.err.print(text, markup=False, overflow="ignore", crop=False)
        else:
            print(text, file=sys.stderr)

    def print(self, text: str = "") -> None:
        """Data, as text."""
        self.out.print(text, markup=False, soft_wrap=True)

    def json(self, document: Any) -> None:
        """Data, for programs."""
        print(json.dumps(document, indent=2, default=str))

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        right: Sequence[str] = (),
        folding: str = "",
    ) -> None:
        """Data, for people. Columns named in `right` are numbers; the one called `folding` gives way first,
        as what stands in others is to be copied."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        room = _room(columns, rows, folding, self.out.width)
        for column in columns:
            table.add_column(
                column,
                justify="right" if column in right else "left",
                overflow="fold",
                max_width=room if column == folding else None,
            )
        for row in rows:
            table.add_row(*(_escaped(cell) for cell in row))
        self.out.print(table)

    def item(self, text: str) -> None:
        """One entry of a list, as data, folded with its lines set in."""
        self._fold(text, "  - ", "    ")

    def note(self, text: str) -> None:
        """What belongs to the line above, as data, folded and set in."""
        self._fold(text, "  ", "  ")

    def _fold(self, text: str, first: str, following: str) -> None:
        folded = textwrap.fill(
            text,
            self.out.width,
            initial_indent=first,
            subsequent_indent=following,
            break_on_hyphens=False,
            break_long_words=False,
        )
        self.print(folded)


def _room(columns: Sequence[str], rows: Sequence[Sequence[str]], folding: str, width: int) -> int | None:
    """Characters that the others leave to this column; None where they themselves have to fold."""
    others = [number for number, column in enumerate(columns) if column != folding]
    taken = sum(max(len(row[number]) for row in (columns, *rows)) + _BETWEEN for number in others)
    room = width - taken - _BETWEEN
    return room if room >= len(folding) else None


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _console(stream: TextIO, **options: Any) -> Console:
    # A server that says two lines in its life needs nothing that draws.
    from rich.console import Console

    width = None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(width=width, highlight=False, **options)
