"""PDF, page by page: text under its headings, tables where pdfplumber is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kanoa_mlops.grounding.ingest.block import Block, Reading
from kanoa_mlops.grounding.ingest.formats.pdf_headings import Typography
from kanoa_mlops.grounding.ingest.formats.pdf_lines import Line, paragraphs
from kanoa_mlops.grounding.ingest.formats.pdf_page import Page, pages, title
from kanoa_mlops.grounding.ingest.formats.pdf_tables import Tables
from kanoa_mlops.grounding.ingest.headings import Headings

_LETTERS = 16  # below, a page with a picture on it is one that was scanned


def read_pdf(name: str, data: bytes) -> Reading:
    read = list(pages(data))
    typography = Typography(line for page in read for line in page.lines)
    headings = Headings()
    tables = Tables(data)
    blocks = [block for page in read for block in _page(page, typography, headings, tables)]
    scanned = tuple(page.number for page in read if page.pictures and _letters(page) < _LETTERS)
    notes = list(tables.notes)
    if scanned:
        notes.append(
            f"{_pages(scanned)} scanned: without text of {'its' if len(scanned) == 1 else 'their'} own"
        )
    return Reading(tuple(blocks), title(data) or headings.title, tuple(notes), scanned)


def _page(page: Page, typography: Typography, headings: Headings, tables: Tables) -> Iterator[Block]:
    found = tables.of(page) if page.strokes else []
    lines = [line for line in page.lines if not any(each.holds(line) for each in found)]
    start = 0
    for index, line in enumerate(lines):
        level = typography.level(line)
        if level is None:
            continue
        yield from _text(lines[start:index], headings.path, page.number)
        headings.enter(level, line.text)
        start = index + 1
    yield from _text(lines[start:], headings.path, page.number)
    for each in found:
        yield each.block(headings.path, page.number)


def _text(lines: Sequence[Line], heading: tuple[str, ...], page: int) -> Iterator[Block]:
    text = paragraphs(lines)
    if text:
        yield Block(text, heading, page)


def _letters(page: Page) -> int:
    return sum(len(line.text) for line in page.lines)


def _pages(numbers: Sequence[int]) -> str:
    return f"page {numbers[0]} is" if len(numbers) == 1 else f"{len(numbers)} pages are"
