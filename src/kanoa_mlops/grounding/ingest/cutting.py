"""Blocks cut into chunks.

A border is chosen by what stands there, not by how far it is from the start: among the borders a chunk of
good size leaves, the best kind, and of these the one whose next sentence is the lowest by hash. So a change
moves only the chunks near it; those after keep their text, and so their id and their vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby

from kanoa_mlops.grounding.ingest.block import Block, Spot
from kanoa_mlops.grounding.ingest.chunking import Chunking
from kanoa_mlops.grounding.ingest.tokens import estimate
from kanoa_mlops.grounding.ingest.units import Unit, units
from kanoa_mlops.grounding.types import Kind


@dataclass(frozen=True)
class Piece:
    """A chunk that has no id yet."""

    text: str
    heading: tuple[str, ...] = ()
    page: int | None = None
    spot: Spot | None = None
    kind: Kind = "text"


@dataclass(frozen=True)
class _Section:
    """Blocks under one heading, on one page, of one kind; a table is one alone."""

    heading: tuple[str, ...]
    page: int | None
    kind: Kind
    head: str
    units: tuple[Unit, ...]

    @property
    def tokens(self) -> int:
        return sum(unit.tokens for unit in self.units)


def cut(blocks: Iterable[Block], chunking: Chunking) -> Iterator[Piece]:
    """Of at most the size asked for, but where one row of a table is larger."""
    for section in _joined(_sections(blocks, chunking), chunking):
        room = max(chunking.max_tokens - estimate(section.head), chunking.max_tokens // 3)
        for lot in _packed(section.units, _roomy(chunking, room)):
            yield _piece(section, lot)


def _roomy(chunking: Chunking, room: int) -> Chunking:
    room = max(16, room)
    return replace(chunking, max_tokens=room, overlap_tokens=min(chunking.overlap_tokens, room // 2))


def _sections(blocks: Iterable[Block], chunking: Chunking) -> Iterator[_Section]:
    def place(pair: tuple[int, Block]) -> object:
        number, block = pair
        alone = number if block.split == "rows" else -1
        return block.heading, block.page, block.kind, alone

    for _, group in groupby(enumerate(blocks), place):
        members = [block for _, block in group]
        first = members[0]
        found = tuple(unit for block in members for unit in units(block, chunking.max_tokens))
        if found or first.head:
            # A table without rows is its header.
            found = found or (Unit("", "\n", 0, 0, first.spot),)
            yield _Section(first.heading, first.page, first.kind, first.head, found)


def _joined(sections: Iterable[_Section], chunking: Chunking) -> Iterator[_Section]:
    """Small sections that follow one another on a page are one, under the heading they share."""
    waiting: _Section | None = None
    for section in sections:
        if waiting is not None:
            joined = _join(waiting, section, chunking)
            if joined is not None:
                waiting = joined
                continue
            yield waiting
        waiting = section
    if waiting is not None:
        yield waiting


def _join(one: _Section, other: _Section, chunking: Chunking) -> _Section | None:
    if (one.page, one.kind) != (other.page, other.kind) or one.head or other.head:
        return None
    shared = _shared(one.heading, other.heading)
    if not shared and one.heading and other.heading:
        return None
    # The headings under the shared one are said in the text.
    first = _titled(one, len(shared))
    second = _titled(other, len(shared))
    if first.tokens + second.tokens > chunking.min_tokens:
        return None
    return replace(first, heading=shared, units=first.units + second.units)


def _titled(section: _Section, depth: int) -> _Section:
    below = section.heading[depth:]
    if not below or section.kind == "code":  # code says its own name
        return section
    text = " > ".join(below)
    first, *rest = section.units
    title = Unit(text, first.before, estimate(text), 0, first.spot)
    return replace(section, units=(title, replace(first, before="\n", rank=2), *rest))


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    shared = 0
    while shared < min(len(one), len(other)) and one[shared] == other[shared]:
        shared += 1
    return one[:shared]


def _packed(found: Sequence[Unit], chunking: Chunking) -> Iterator[Sequence[Unit]]:
    start, fresh = 0, 0
    left = sum(unit.tokens for unit in found)
    while fresh < len(found):
        carried = sum(unit.tokens for unit in found[start:fresh])
        if carried + left <= chunking.max_tokens:
            yield found[start:]
            return
        end = _border(found, fresh, carried, left, chunking)
        yield found[start:end]
        left -= sum(unit.tokens for unit in found[fresh:end])
        start, fresh = _overlap(found, start, end, chunking.overlap_tokens), end


def _border(found: Sequence[Unit], fresh: int, carried: int, left: int, chunking: Chunking) -> int:
    """The index that the next chunk begins at."""
    low, high = chunking.min_tokens, chunking.max_tokens
    if carried + left < high + low // 2:
        low = (carried + left) // 2  # two halves, rather than a whole one and a crumb
        high = min(high, low + high // 3)
    candidates: list[int] = []
    tokens, index = carried, fresh
    while index < len(found) and (tokens + found[index].tokens <= high or index == fresh):
        tokens += found[index].tokens
        index += 1
        if tokens >= low and index < len(found):
            candidates.append(index)
    if not candidates:
        return index
    return min(candidates, key=lambda each: (found[each].rank, found[each].lot))


def _overlap(found: Sequence[Unit], start: int, end: int, tokens: int) -> int:
    at = end
    while at - 1 > start and found[at - 1].tokens <= tokens:
        tokens -= found[at - 1].tokens
        at -= 1
    return at


def _piece(section: _Section, lot: Sequence[Unit]) -> Piece:
    text = lot[0].text + "".join(unit.before + unit.text for unit in lot[1:])
    if section.head:
        text = f"{section.head}\n{text}" if text else section.head
    spots = [unit.spot for unit in lot if unit.spot is not None]
    spot = reduce(Spot.upto, spots) if spots else None
    return Piece(text, section.heading, section.page, spot, section.kind)
