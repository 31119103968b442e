"""Excel: the rows of each sheet under their header, as values; formulas as what they last came to."""

from __future__ import annotations

import datetime
import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import ParseError

from kanoa_mlops.errors import MissingExtra, UnreadableDocument
from kanoa_mlops.grounding.ingest.block import Block, Reading, table
from kanoa_mlops.grounding.ingest.formats.csv import ROWS
from kanoa_mlops.grounding.ingest.zipped import opened, xml

_COLUMNS = 500
_HEAD = 64 * 1024  # bytes
_BROKEN = (KeyError, ValueError, TypeError, AttributeError, IndexError, ParseError)


def read_xlsx(name: str, data: bytes) -> Reading:
    try:
        import openpyxl
    except ImportError:
        raise MissingExtra(
            "Excel files need openpyxl.", hint="pip install 'kanoa-mlops[grounding]'"
        ) from None
    notes: list[str] = []
    with opened(data) as archive:
        for member in archive.namelist():
            if member.startswith("xl/worksheets/sheet"):
                _check_sheet(archive, member)
            elif member.endswith((".xml", ".rels")):
                xml(archive, member)  # refuses entities; openpyxl is not as strict
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what openpyxl leaves out: styles, pictures
                book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True)
                blocks = [block for sheet in book.worksheets for block in _sheet(sheet, notes)]
        except _BROKEN as error:
            raise UnreadableDocument(f"It is a damaged Excel file: {error}.") from error
    return Reading(tuple(blocks), notes=tuple(notes))


def _check_sheet(archive: zipfile.ZipFile, member: str) -> None:
    """It is too large to be parsed twice; a document type stands before its first element."""
    with archive.open(member) as opened_member:
        if b"<!DOCTYPE" in opened_member.read(_HEAD):
            raise UnreadableDocument(f"{member} in it declares entities, as a bomb does: not read.")


def _sheet(sheet: Any, notes: list[str]) -> Iterator[Block]:
    sheet.reset_dimensions()  # what a file says of its own size may be wrong
    rows: list[list[str]] = []
    first_row = 2
    for number, row in enumerate(sheet.iter_rows(max_col=_COLUMNS, values_only=True), start=1):
        cells = [_cell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        if not rows:
            first_row = number + 1
        if len(rows) > ROWS:
            notes.append(f"of sheet {sheet.title} the first {ROWS:,} rows are kept")
            break
        rows.append(cells)
    if len(rows) > 1:
        yield table(rows, caption=f"Sheet {sheet.title}", heading=(sheet.title,), first_row=first_row)
    elif rows:
        yield Block(" ".join(rows[0]), (sheet.title,))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ") if value.time() != datetime.time() else value.date().isoformat()
    return f"{value:.12g}" if isinstance(value, float) else str(value)
