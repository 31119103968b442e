"""Python: modules, classes and functions with their docstrings, each under its name."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import PurePath

from kanoa_mlops.grounding.ingest.block import Block, Reading, Spot
from kanoa_mlops.grounding.ingest.decoding import clean, decode
from kanoa_mlops.grounding.ingest.formats.text import read_code

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def read_python(name: str, data: bytes) -> Reading:
    """What is no Python 3 is read by its lines."""
    text, note = decode(data)
    text = clean(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the file
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return read_code(name, data)
    lines = text.split("\n")
    module = PurePath(name).stem
    blocks = tuple(_parts(tree.body, lines, (module,), 1, len(lines)))
    return Reading(blocks, "", (note,) if note else ())


def _parts(
    body: list[ast.stmt], lines: list[str], heading: tuple[str, ...], first: int, last: int
) -> Iterator[Block]:
    """Of lines `first` to `last`: what is defined in them, and what stands between."""
    at = first
    for node in body:
        if not isinstance(node, _Definition):
            continue
        start = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        if start < at:
            continue  # a second one on the same line
        yield from _lines(lines, heading, at, start - 1)
        end = node.end_lineno or start
        if isinstance(node, ast.ClassDef):
            yield from _parts(node.body, lines, (*heading, node.name), start, end)
        else:
            yield from _lines(lines, (*heading, node.name), start, end)
        at = end + 1
    yield from _lines(lines, heading, at, last)


def _lines(lines: list[str], heading: tuple[str, ...], first: int, last: int) -> Iterator[Block]:
    while first <= last and not lines[first - 1].strip():
        first += 1
    if first <= last:
        text = "\n".join(lines[first - 1 : last])
        yield Block(text, heading, spot=Spot("line", first, last), kind="code", split="lines")
