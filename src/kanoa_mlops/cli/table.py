"""A table for people, in which what is to be copied stays whole."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_BETWEEN = 2
"""Characters between two columns, and at the edges of a table together."""
_INDENT = "   "


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Sequence[str] = (),
    yielding: str = "",
) -> None:
    """
    Args:
        rows: cells of one line each.
        right: columns that are numbers.
        yielding: the column that gives way where there is no room for all: it folds between words, and where
            not even the longest of them has room, it goes beneath its row. The others stay whole.
    """
    if not yielding:
        console.print(_table(columns, rows, right))
        return
    at = columns.index(yielding)
    texts = [line[at] for line in (columns, *rows)]
    others = [[*line[:at], *line[at + 1 :]] for line in (columns, *rows)]
    whole = others[0]
    taken = _width(others)
    room = console.width - taken - _BETWEEN
    if room >= max(cell_len(word) for text in texts for word in text.split()):
        console.print(_table(columns, rows, right, whole, {yielding: room}))
        return
    table = _table(whole, others[1:], right, whole)
    if taken > console.width:
        # A terminal goes on in its next line, and what is copied from there is whole.
        table.width = taken
    _print_with(console, table, texts)


def _table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[str],
    whole: Sequence[str] = (),
    room: Mapping[str, int] | None = None,
) -> Table:
    """
    Args:
        whole: columns that do not fold.
        room: characters that a column has at most.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=column in whole,
            max_width=(room or {}).get(column),
        )
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def _print_with(console: Console, table: Table, texts: Sequence[str]) -> None:
    """
    Args:
        texts: what goes beneath the columns' names, and beneath each row.
    """
    with console.capture() as drawn:
        console.print(table, crop=False)
    above, names, rule, *rows, below = drawn.get().splitlines()
    print(above, names, sep="\n", file=console.file)
    _print_beneath(console, texts[0])
    print(rule, file=console.file)
    for row, text in zip(rows, texts[1:], strict=True):
        print(row, file=console.file)
        _print_beneath(console, text)
    print(below, file=console.file)


def _print_beneath(console: Console, text: str) -> None:
    for line in textwrap.wrap(
        text,
        console.width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    ):
        print(line, file=console.file)


def _width(lines: Sequence[Sequence[str]]) -> int:
    """Of a table of these lines, none of which is folded."""
    return sum(max(map(cell_len, column)) + _BETWEEN for column in zip(*lines, strict=True))
