"""What a reader finds in a file: blocks, each at its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from kanoa_mlops.grounding.embedded_text import Noun
from kanoa_mlops.grounding.types import Kind

Split = Literal["prose", "lines", "rows"]


@dataclass(frozen=True)
class Spot:
    """Where in its file a block begins and ends, in units of the format: cells, lines, rows; from 1."""

    noun: Noun
    first: int
    last: int

    def __str__(self) -> str:
        if self.first == self.last:
            return f"{self.noun} {self.first}"
        return f"{self.noun}s {self.first}-{self.last}"

    def upto(self, other: Spot) -> Spot:
        return replace(self, first=min(self.first, other.first), last=max(self.last, other.last))


@dataclass(frozen=True)
class Block:
    """A paragraph, a table, a cell, a function."""

    text: str
    heading: tuple[str, ...] = ()
    """Of the sections it stands in, the outermost first."""
    page: int | None = None
    spot: Spot | None = None
    kind: Kind = "text"
    split: Split = "prose"
    """Where it may be cut: between sentences, lines, or rows that are never cut themselves."""
    head: str = ""
    """Stands over every piece of it: a table's caption and header."""


@dataclass(frozen=True)
class Reading:
    """All of a file."""

    blocks: tuple[Block, ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    """What its owner should know: what was replaced, what was left out."""
    scanned: tuple[int, ...] = ()
    """Pages that are only a picture."""


def markdown_row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def table(
    rows: list[list[str]],
    *,
    caption: str = "",
    heading: tuple[str, ...] = (),
    page: int | None = None,
    first_row: int | None = None,
) -> Block:
    """A table as Markdown; its first row is the header. `first_row` is the number of the second."""
    header, *rest = rows
    head = "\n".join(
        [*([caption] if caption else []), markdown_row(header), "|" + " --- |" * max(1, len(header))]
    )
    spot = Spot("row", first_row, first_row + len(rest) - 1) if first_row is not None and rest else None
    text = "\n".join(markdown_row(row) for row in rest)
    return Block(text, heading, page, spot, kind="table", split="rows", head=head)
