"""Ids of chunks: of what a chunk says and under what, not of how many stand before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from kanoa_mlops.grounding.ingest.cutting import Piece
from kanoa_mlops.grounding.types import Chunk


def identified(source: str, pieces: Iterable[Piece]) -> tuple[Chunk, ...]:
    """The page, the cell and the line are no part of an id: text that moved is the same text.

    Where a document says the same twice under the same heading, they are told apart by their order.
    """
    seen: Counter[bytes] = Counter()
    chunks = []
    for piece in pieces:
        key = _digest(source, piece.kind, *piece.heading, "", piece.text)
        name = key if not seen[key] else _digest(key.hex(), str(seen[key]))
        seen[key] += 1
        label = (str(piece.spot),) if piece.spot else ()
        chunks.append(
            Chunk(name.hex()[:32], piece.text, piece.page, " > ".join(piece.heading + label), piece.kind)
        )
    return tuple(chunks)


def _digest(*parts: str) -> bytes:
    return sha256("\0".join(parts).encode()).digest()
