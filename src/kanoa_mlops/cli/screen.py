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
        yielding: str = "",
    ) -> None:
        """Data, for people. Columns named in `right` are numbers; the one called `yielding` gives way where
        there is no room, as what stands in others is to be copied."""
        from kanoa_mlops.cli.table import print_table

        print_table(self.out, columns, rows, right=right, yielding=yielding)

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


def _console(stream: TextIO, **options: Any) -> Console:
    # A server that says two lines in its life needs nothing that draws.
    from rich.console import Console

    width = None if stream.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(width=width, highlight=False, **options)
