"""One file's content to pieces, in the process that is there to die of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kanoa_mlops.errors import UnreadableDocument
from kanoa_mlops.grounding.ingest.block import Block, Reading
from kanoa_mlops.grounding.ingest.chunking import Chunking
from kanoa_mlops.grounding.ingest.cutting import Piece, cut
from kanoa_mlops.grounding.ingest.decoding import clean
from kanoa_mlops.grounding.ingest.formats import reader_of
from kanoa_mlops.grounding.ingest.limits import MIB
from kanoa_mlops.grounding.ingest.sniffing import format_of
from kanoa_mlops.grounding.ingest.zipped import zipped_format


@dataclass(frozen=True)
class Extract:
    pieces: tuple[Piece, ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    scanned: tuple[int, ...] = ()


def extract(name: str, data: bytes, chunking: Chunking, text_bytes: int) -> Extract:
    """
    Raises:
        UnreadableDocument: its text cannot be had, or is longer than `text_bytes`.
        MissingExtra: what reads this format is not installed.
    """
    found = format_of(name, data)
    if found == "zip":
        found = zipped_format(data)
    try:
        reading = reader_of(found)(name, data)
    except RecursionError as error:
        raise UnreadableDocument("It is nested too deep.") from error
    blocks = _bounded(reading, text_bytes)
    pieces = tuple(cut(blocks, chunking))
    if not pieces and not reading.scanned:
        raise UnreadableDocument("There is no text in it.")
    return Extract(pieces, clean(reading.title)[:300], reading.notes, reading.scanned)


def _bounded(reading: Reading, text_bytes: int) -> list[Block]:
    blocks, total = [], 0
    for block in reading.blocks:
        tidy = replace(
            block, text=clean(block.text), head=clean(block.head), heading=tuple(map(clean, block.heading))
        )
        total += len(tidy.text.encode())
        if total > text_bytes:
            raise UnreadableDocument(f"It holds more than {text_bytes / MIB:g} MiB of text.")
        blocks.append(tidy)
    return blocks
