"""CSV and TSV: what its columns hold, and its rows under their header."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import PurePath

from kanoa_mlops.errors import UnreadableDocument
from kanoa_mlops.grounding.ingest.block import Block, Reading, table
from kanoa_mlops.grounding.ingest.decoding import clean, decode

ROWS = 5_000  # that are kept as they are; the columns are described over all
_EXAMPLES = 5
_SEPARATORS = ",\t;|"


def read_csv(name: str, data: bytes) -> Reading:
    text, note = decode(data)
    text = clean(text)
    rows = _rows(text, name)
    header, kept, columns, count = _table(rows)
    notes = [note] if note else []
    if count > len(kept):
        notes.append(
            f"of {count:,} rows the first {len(kept):,} are kept; its columns are described over all"
        )
    blocks = [_summary(columns, count)]
    if kept:
        blocks.append(table([header, *kept], first_row=2))
    return Reading(tuple(blocks), notes=tuple(notes))


@dataclass
class _Column:
    name: str
    numbers: int = 0
    texts: int = 0
    low: float = float("inf")
    high: float = float("-inf")
    examples: dict[str, None] = field(default_factory=dict)

    def add(self, cell: str) -> None:
        cell = cell.strip()
        if not cell:
            return
        number = _number(cell)
        if number is None:
            self.texts += 1
            if len(self.examples) < _EXAMPLES:
                self.examples[cell[:60]] = None
        else:
            self.numbers += 1
            self.low, self.high = min(self.low, number), max(self.high, number)

    def __str__(self) -> str:
        if self.numbers > self.texts:
            return f"{self.name}: numbers, {self.low:g} to {self.high:g}"
        if not self.texts:
            return f"{self.name}: empty"
        return f"{self.name}: such as {', '.join(self.examples)}"


def _rows(text: str, name: str) -> Iterator[list[str]]:
    csv.field_size_limit(2**31 - 1)
    separator = "\t" if PurePath(name).suffix.lower() in (".tsv", ".tab") else _separator(text)
    try:
        yield from csv.reader(StringIO(text, newline=""), delimiter=separator)
    except csv.Error as error:
        raise UnreadableDocument(f"It is no table of comma-separated values: {error}.") from error


def _separator(text: str) -> str:
    """Which of the usual ones parts the first lines most evenly."""
    lines = [line for line in text[:20_000].split("\n")[:20] if line.strip()]

    def evenness(separator: str) -> tuple[int, int]:
        counts = [line.count(separator) for line in lines]
        return (sum(count == counts[0] for count in counts) if counts and counts[0] else 0), max(
            counts, default=0
        )

    return max(_SEPARATORS, key=evenness)


def _table(rows: Iterator[list[str]]) -> tuple[list[str], list[list[str]], list[_Column], int]:
    first = next((row for row in rows if any(cell.strip() for cell in row)), None)
    if first is None:
        raise UnreadableDocument("It is empty: no row has anything in it.")
    named = not any(_number(cell.strip()) is not None for cell in first)
    header = first if named else [f"column {i}" for i in range(1, len(first) + 1)]
    columns = [_Column(" ".join(cell.split()) or f"column {i}") for i, cell in enumerate(header, start=1)]
    kept: list[list[str]] = []
    count = 0
    for row in _all(first, named, rows):
        if not any(row):
            continue
        count += 1
        for column, cell in zip(columns, row, strict=False):
            column.add(cell)
        if len(kept) < ROWS:
            kept.append(row)
    return header, kept, columns, count


def _all(first: list[str], named: bool, rows: Iterator[list[str]]) -> Iterator[list[str]]:
    if not named:
        yield first
    yield from rows


def _summary(columns: Sequence[_Column], count: int) -> Block:
    lines = [f"Table of {count:,} rows and {len(columns)} columns:", *map(str, columns)]
    return Block("\n".join(lines), split="lines")


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if number == number else None
