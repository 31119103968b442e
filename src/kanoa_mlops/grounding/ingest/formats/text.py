"""Plain text, data and source code, by paragraphs and lines."""

from __future__ import annotations

from kanoa_mlops.grounding.ingest.block import Block, Reading, Spot
from kanoa_mlops.grounding.ingest.decoding import decode


def read_text(name: str, data: bytes) -> Reading:
    text, note = decode(data)
    return Reading((Block(text),), notes=(note,) if note else ())


def read_data(name: str, data: bytes) -> Reading:
    """JSON, YAML, TOML and their like stay as they are written."""
    text, note = decode(data)
    return Reading((_by_lines(text, name_spot=False),), notes=(note,) if note else ())


def read_code(name: str, data: bytes) -> Reading:
    text, note = decode(data)
    return Reading((_by_lines(text, name_spot=True),), notes=(note,) if note else ())


def _by_lines(text: str, *, name_spot: bool) -> Block:
    if not name_spot:
        return Block(text, split="lines")
    spot = Spot("line", 1, max(1, len(text.splitlines())))
    return Block(text, spot=spot, kind="code", split="lines")
