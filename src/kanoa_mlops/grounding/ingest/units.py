"""A block's smallest parts: what a border may stand between."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from kanoa_mlops.grounding.ingest.block import Block, Spot
from kanoa_mlops.grounding.ingest.sentences import sentences
from kanoa_mlops.grounding.ingest.tokens import estimate

_ROW_TOKENS = 4096
_ITEM = re.compile(r"(?:[-*+\u2022]|\d+[.)])\s")
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")


@dataclass(frozen=True)
class Unit:
    text: str
    before: str
    """What stands between it and the unit before, if they are in one chunk."""
    tokens: int
    rank: int
    """How well a chunk begins with it: 0 a paragraph, 1 a sentence or line, 2 in the middle of one."""
    spot: Spot | None = None

    @property
    def lot(self) -> bytes:
        """As good as drawn by lot, but the same whenever the text is."""
        return blake2b(self.text.encode(), digest_size=8).digest()


def units(block: Block, most: int) -> Iterator[Unit]:
    """None above `most` tokens, but for rows of a table up to 4,096."""
    match block.split:
        case "prose":
            yield from _prose(block, most)
        case "lines":
            yield from _lines(block, most)
        case "rows":
            yield from _lines(block, max(most, _ROW_TOKENS))


def _prose(block: Block, most: int) -> Iterator[Unit]:
    for paragraph in _PARAGRAPHS.split(block.text.strip()):
        before, rank = "\n\n", 0
        for sentence in sentences(paragraph):
            if before == " " and _ITEM.match(sentence):
                before = "\n"
            yield from _whole_or_cut(sentence, before, rank, most, block.spot)
            before, rank = " ", 1


def _lines(block: Block, most: int) -> Iterator[Unit]:
    before, rank = "\n\n", 0
    for number, line in enumerate(block.text.split("\n")):
        if not line.strip():
            before, rank = before + "\n" if before == "\n" else "\n\n", 0
            continue
        spot = block.spot
        if spot and spot.noun != "cell":
            at = min(spot.first + number, spot.last)
            spot = Spot(spot.noun, at, at)
        yield from _whole_or_cut(line.rstrip(), before, rank, most, spot)
        before, rank = "\n", 1


def _whole_or_cut(text: str, before: str, rank: int, most: int, spot: Spot | None) -> Iterator[Unit]:
    tokens = estimate(text)
    if tokens <= most:
        yield Unit(text, before, tokens, rank, spot)
        return
    for piece, between in _cut(text, most):
        yield Unit(piece, before, estimate(piece), rank, spot)
        before, rank = between, 2


def _cut(text: str, most: int) -> Iterator[tuple[str, str]]:
    """Pieces of at most `most` tokens between words, or within one that is longer; and what parts them."""
    piece, tokens = "", 0
    for word in text.split():
        size = estimate(word)
        if piece and tokens + size > most:
            yield piece, " "
            piece, tokens = "", 0
        if size > most:
            *full, word = _letters(word, most)
            for each in full:
                yield each, ""
            size = estimate(word)
        piece, tokens = f"{piece} {word}" if piece else word, tokens + size
    if piece:
        yield piece, " "


def _letters(word: str, most: int) -> list[str]:
    """A letter is one token at most."""
    return [word[i : i + most] for i in range(0, len(word), most)]
