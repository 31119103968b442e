"""A file's content to blocks: one reader a format."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from kanoa_mlops.grounding.ingest.block import Reading

FormatReader = Callable[[str, bytes], Reading]
"""Of a file's name and content. Raises UnreadableDocument."""

_READERS = {
    "code": "text:read_code",
    "csv": "csv:read_csv",
    "data": "text:read_data",
    "docx": "docx:read_docx",
    "html": "html:read_html",
    "markdown": "markdown:read_markdown",
    "notebook": "notebook:read_notebook",
    "pdf": "pdf:read_pdf",
    "pptx": "pptx:read_pptx",
    "python": "python:read_python",
    "text": "text:read_text",
    "xlsx": "xlsx:read_xlsx",
}


def reader_of(format_name: str) -> FormatReader:
    """Loaded when it is first asked for."""
    module, function = _READERS[format_name].split(":")
    reader: FormatReader = getattr(import_module(f"{__name__}.{module}"), function)
    return reader
