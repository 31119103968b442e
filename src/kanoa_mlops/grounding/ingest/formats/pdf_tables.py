"""Tables of a PDF, by pdfplumber. It is slow: it looks only at pages with ruled lines, for a bounded time."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from kanoa_mlops.grounding.ingest.block import Block, table
from kanoa_mlops.grounding.ingest.formats.pdf_lines import Line
from kanoa_mlops.grounding.ingest.formats.pdf_page import Page

_SECONDS = 40.0  # of the processor
_CAPTION = re.compile(r"(?:table|tab\.|tabelle|tableau|tabla)\s*\w+", re.IGNORECASE)
_ABOVE = 48.0  # points in which a caption stands
_FILLED = 0.4  # of the cells; fewer are a drawing


def tables_available() -> bool:
    return importlib.util.find_spec("pdfplumber") is not None


@dataclass(frozen=True)
class FoundTable:
    rows: tuple[tuple[str, ...], ...]
    caption: str
    left: float
    bottom: float
    right: float
    top: float

    def holds(self, line: Line) -> bool:
        return self.left <= line.x <= self.right and self.bottom <= line.y <= self.top

    def block(self, heading: tuple[str, ...], page: int) -> Block:
        return table([list(row) for row in self.rows], caption=self.caption, heading=heading, page=page)


class Tables:
    """Of one document."""

    def __init__(self, data: bytes) -> None:
        self.notes: list[str] = []
        self._data = BytesIO(data)
        self._end = time.process_time() + _SECONDS
        self._available = tables_available()
        self._pages: Any = None

    def of(self, page: Page) -> list[FoundTable]:
        if not self._available:
            return []
        if time.process_time() > self._end:
            self.notes.append(f"tables from page {page.number} on are kept as running text")
            self._available = False
            return []
        try:
            return list(self._found(page))
        except Exception as error:  # of pdfplumber and what is under it: the page's text is there without it
            self.notes.append(
                f"tables of page {page.number} are kept as running text ({type(error).__name__})"
            )
            return []

    def _found(self, page: Page) -> Iterator[FoundTable]:
        if self._pages is None:
            import pdfplumber

            self._pages = pdfplumber.open(self._data).pages
        sheet = self._pages[page.number - 1]
        try:
            for found in sheet.find_tables():
                rows = tuple(tuple(cell or "" for cell in row) for row in found.extract())
                if _is_table(rows):
                    left, top, right, bottom = found.bbox
                    height = float(sheet.height)
                    caption = _caption(page, left, right, height - top)
                    yield FoundTable(rows, caption, left, height - bottom, right, height - top)
        finally:
            sheet.close()


def _is_table(rows: tuple[tuple[str, ...], ...]) -> bool:
    if len(rows) < 2 or max(map(len, rows)) < 2:
        return False
    cells = [cell for row in rows for cell in row]
    return sum(bool(cell.strip()) for cell in cells) >= _FILLED * len(cells)


def _caption(page: Page, left: float, right: float, top: float) -> str:
    """The line above that says it is one."""
    above: list[Any] = [
        line
        for line in page.lines
        if 0 <= line.y - top <= _ABOVE and line.x <= right and _CAPTION.match(line.text)
    ]
    return min(above, key=lambda line: line.y).text if above else ""
