"""Notebooks: text, code and what came out as text, cell by cell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kanoa_mlops.errors import UnreadableDocument
from kanoa_mlops.grounding.ingest.block import Block, Reading, Spot
from kanoa_mlops.grounding.ingest.decoding import decode
from kanoa_mlops.grounding.ingest.formats.html import html_blocks
from kanoa_mlops.grounding.ingest.formats.markdown import markdown_blocks
from kanoa_mlops.grounding.ingest.headings import Headings

_LONGEST_OUTPUT = 20_000  # letters of one output


def read_notebook(name: str, data: bytes) -> Reading:
    text, note = decode(data)
    try:
        notebook = json.loads(text)
        cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
        if not isinstance(cells, list):
            raise TypeError
    except (ValueError, TypeError, KeyError, IndexError):
        raise UnreadableDocument(
            "It is no notebook, though its name says so: its JSON has no cells."
        ) from None
    headings = Headings()
    blocks = [
        block
        for number, cell in enumerate(cells, start=1)
        if isinstance(cell, dict)
        for block in _cell(cell, Spot("cell", number, number), headings)
    ]
    return Reading(tuple(blocks), headings.title, (note,) if note else ())


def _cell(cell: dict[str, Any], spot: Spot, headings: Headings) -> Iterator[Block]:
    source = _text(cell.get("source", cell.get("input", "")))
    kind = cell.get("cell_type")
    if kind in ("markdown", "heading"):
        yield from markdown_blocks(source, headings, spot)
    elif kind == "code":
        yield Block(source, headings.path, spot=spot, kind="code", split="lines")
        for output in cell.get("outputs") or ():
            if isinstance(output, dict):
                yield from _output(output, spot, headings)
    else:
        yield Block(source, headings.path, spot=spot)


def _output(output: dict[str, Any], spot: Spot, headings: Headings) -> Iterator[Block]:
    """The richest form that is text: a table of pandas is HTML and plain text at once."""
    data = output.get("data") or output
    if not isinstance(data, dict):
        return
    web, plain = _text(data.get("text/html", "")), _text(data.get("text/plain", output.get("text", "")))
    if "<table" in web:
        yield from html_blocks(web[: 10 * _LONGEST_OUTPUT], heading=headings.path, spot=spot)
    elif output.get("output_type") in ("error", "pyerr"):
        yield Block(
            f"{output.get('ename')}: {output.get('evalue')}",
            headings.path,
            spot=spot,
            split="lines",
            kind="code",
        )
    elif plain:
        yield Block(plain[:_LONGEST_OUTPUT], headings.path, spot=spot, split="lines", kind="code")


def _text(given: object) -> str:
    if isinstance(given, list):
        return "".join(each for each in given if isinstance(each, str))
    return given if isinstance(given, str) else ""
