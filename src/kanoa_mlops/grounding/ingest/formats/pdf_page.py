"""What PDFium finds on the pages of a PDF.

PDFium is not safe for threads: whoever calls this has a process to itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kanoa_mlops.errors import MissingExtra, UnreadableDocument
from kanoa_mlops.grounding.ingest.formats.pdf_lines import Line

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_BOLD = 600  # of weights from 100 to 900
_FORCE_BOLD = 1 << 18  # of a font's flags
_NO_TITLE = ("untitled", "microsoft word", ".doc", ".tex", ".indd", ".qxd", ".dvi")
_STROKES = 4  # of ruled lines; fewer are no table


@dataclass(frozen=True)
class Page:
    number: int
    """From 1."""
    lines: tuple[Line, ...]
    pictures: int
    strokes: int
    """Ruled lines and other shapes; 0 where there are too few for a table."""


@contextmanager
def document(data: bytes) -> Iterator[PdfDocument]:
    """
    Raises:
        UnreadableDocument: encrypted or damaged.
        MissingExtra: without the extra `grounding`.
    """
    try:
        import pypdfium2
        import pypdfium2.raw as raw
    except ImportError:
        raise MissingExtra("PDFs need pypdfium2.", hint="pip install 'kanoa-mlops[grounding]'") from None
    try:
        opened = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if raw.FPDF_GetLastError() == raw.FPDF_ERR_PASSWORD or "password" in str(error):
            raise UnreadableDocument(
                "It is encrypted: a password is needed.", hint="Save a copy without a password."
            ) from error
        raise UnreadableDocument(f"It is a damaged PDF: {error}") from error
    with closing(opened):
        yield opened


def pages(data: bytes) -> Iterator[Page]:
    """
    Raises:
        UnreadableDocument: encrypted, damaged, or without a page.
    """
    import pypdfium2

    with document(data) as opened:
        if not len(opened):
            raise UnreadableDocument("It is a PDF without a page.")
        for index in range(len(opened)):
            try:
                with closing(opened[index]) as page, closing(page.get_textpage()) as text:
                    pictures, strokes = _objects(page)
                    yield Page(index + 1, tuple(_lines(text)), pictures, strokes)
            except pypdfium2.PdfiumError:
                yield Page(index + 1, (), 0, 0)


def title(data: bytes) -> str:
    """As its properties say; empty where they say what a program wrote there."""
    with document(data) as opened:
        said = " ".join(str(opened.get_metadata_value("Title")).split())
    return "" if any(each in said.lower() for each in _NO_TITLE) else said[:200]


def _lines(text: Any) -> Iterator[Line]:
    import pypdfium2.raw as raw

    whole = _text(text)
    start = 0
    for line in whole.split("\n"):
        if line.strip():
            first = start + len(line) - len(line.lstrip())
            yield Line(
                line.strip(),
                raw.FPDFText_GetFontSize(text, first),
                _is_bold(text, first),
                *_place(text, first),
            )
        start += len(line) + 1


def _text(text: Any) -> str:
    """A character for each that PDFium counts, so that a place in it is a place on the page."""
    import pypdfium2.raw as raw

    count = text.count_chars()
    whole = str(text.get_text_range())
    if len(whole) != count:
        whole = "".join(chr(raw.FPDFText_GetUnicode(text, index) or 32) for index in range(count))
    return whole.replace("\r\n", " \n").replace("\r", "\n")


def _is_bold(text: Any, index: int) -> bool:
    import pypdfium2.raw as raw

    flags = ctypes.c_int()
    name = ctypes.create_string_buffer(64)
    raw.FPDFText_GetFontInfo(text, index, name, 64, flags)
    return (
        b"bold" in name.value.lower()
        or bool(flags.value & _FORCE_BOLD)
        or raw.FPDFText_GetFontWeight(text, index) >= _BOLD
    )


def _place(text: Any, index: int) -> tuple[float, float]:
    import pypdfium2.raw as raw

    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    raw.FPDFText_GetCharBox(text, index, left, right, bottom, top)
    return (left.value + right.value) / 2, (bottom.value + top.value) / 2


def _objects(page: Any) -> tuple[int, int]:
    """How many pictures, and how many shapes."""
    import pypdfium2.raw as raw

    pictures = strokes = 0
    for index in range(min(raw.FPDFPage_CountObjects(page), 20_000)):
        kind = raw.FPDFPageObj_GetType(raw.FPDFPage_GetObject(page, index))
        pictures += kind in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM)
        strokes += kind == raw.FPDF_PAGEOBJ_PATH
    return pictures, strokes if strokes >= _STROKES else 0
