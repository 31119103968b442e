"""Markdown, by its blocks; as it is written, under its headings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from kanoa_mlops.errors import MissingExtra
from kanoa_mlops.grounding.ingest.block import Block, Reading, Spot
from kanoa_mlops.grounding.ingest.decoding import decode
from kanoa_mlops.grounding.ingest.headings import Headings

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


def read_markdown(name: str, data: bytes) -> Reading:
    text, note = decode(data)
    headings = Headings()
    blocks = tuple(markdown_blocks(text, headings))
    return Reading(blocks, headings.title, (note,) if note else ())


def markdown_blocks(text: str, headings: Headings, spot: Spot | None = None) -> Iterator[Block]:
    """`headings` go on from where they stand, and end where the text ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if lines[0].strip() == "---" and "---" in lines[1:200]:
        end = lines.index("---", 1)
        yield Block("\n".join(lines[1:end]), spot=spot, split="lines")  # front matter
        lines = [""] * (end + 1) + lines[end + 1 :]
    tokens = _parser().parse("\n".join(lines))
    for index, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        source = "\n".join(lines[token.map[0] : token.map[1]]).strip("\n")
        if token.type == "heading_open":
            headings.enter(int(token.tag[1:]), tokens[index + 1].content)
        elif token.type == "table_open":
            yield _table(source, headings.path, spot)
        elif token.type in ("fence", "code_block", "html_block"):
            yield Block(source, headings.path, spot=spot, split="lines")
        elif source.strip():
            yield Block(source, headings.path, spot=spot)


def _table(source: str, heading: tuple[str, ...], spot: Spot | None) -> Block:
    header, rule, *rows = source.split("\n")
    return Block("\n".join(rows), heading, spot=spot, kind="table", split="rows", head=f"{header}\n{rule}")


@lru_cache
def _parser() -> MarkdownIt:
    """Of blocks alone: what is in a line stays as it is."""
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        raise MissingExtra(
            "Markdown needs markdown-it-py.", hint="pip install 'kanoa-mlops[grounding]'"
        ) from None
    return MarkdownIt("commonmark").enable("table").disable(["inline"])
