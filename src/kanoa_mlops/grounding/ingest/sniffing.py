"""Which format a file has: by what it begins with, and then by its name."""

from __future__ import annotations

import re
from pathlib import PurePath

from kanoa_mlops.errors import UnknownFormat, UnreadableDocument

HEAD = 4096  # bytes that tell a format

_BY_SUFFIX = {
    "markdown": ".md .markdown .mdown .qmd .rmd",
    "notebook": ".ipynb",
    "python": ".py .pyi .pyw",
    "csv": ".csv .tsv .tab",
    "html": ".html .htm .xhtml",
    "docx": ".docx .docm",
    "xlsx": ".xlsx .xlsm",
    "pptx": ".pptx .pptm",
    "pdf": ".pdf",
    "code": ".c .cc .cpp .cs .cu .cuh .f .f90 .go .h .hpp .java .jl .js .jsx .kt .lua .m .mjs .pl .php "
    ".proto .r .rb .rs .scala .sh .sql .swift .tf .ts .tsx .vue .zig",
    "data": ".json .jsonl .ndjson .yaml .yml .toml .ini .cfg .conf .xml .bib",
}
_FORMATS = {suffix: name for name, suffixes in _BY_SUFFIX.items() for suffix in suffixes.split()}
_ZIPPED = ("docx", "xlsx", "pptx")
_BINARY = {
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"II*\0": "a picture (TIFF)",
    b"MM\0*": "a picture (TIFF)",
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"SQLite format 3": "a database (SQLite)",
    b"PAR1": "a table (Parquet)",
    b"\x89HDF": "data (HDF5)",
    b"\x93NUMPY": "data (NumPy)",
    b"GGUF": "weights (GGUF)",
    b"OggS": "sound or film",
    b"ID3": "sound",
    b"RIFF": "sound, film or a picture",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_WEB_PAGE = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_NOTEBOOK = re.compile(rb'\s*\{.*"(?:cells|nbformat)"\s*:', re.DOTALL)
_CONTROL = bytes({*range(32)} - {*b"\b\t\n\v\f\r\x1b"})
_MARKS = (b"\xff\xfe", b"\xfe\xff")


def format_of(name: str, data: bytes) -> str:
    """The name of a reader, or 'zip' for an archive that must be looked into.

    Raises:
        UnreadableDocument: nothing with text in it that is known, or not what its name says.
    """
    if not data:
        raise UnreadableDocument("It is empty: 0 bytes.")
    head = data[:HEAD]
    named = _FORMATS.get(PurePath(name).suffix.lower(), "")
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(_OLE):
        raise _old_office(data)
    if named == "pdf" or named in _ZIPPED:
        raise UnreadableDocument(
            f"It is no {named.upper()}, though its name says so.", hint="Is it damaged, or half a download?"
        )
    for magic, what in _BINARY.items():
        if head.startswith(magic) and (len(magic) > 3 or _is_binary(head)):
            raise UnknownFormat(f"It is {what}: no text is read from it.")
    if _is_binary(head):
        raise UnknownFormat("It is binary, of no known format.")
    return _of_text(named, name, head)


def _of_text(named: str, name: str, head: bytes) -> str:
    if named in ("", "html") and _WEB_PAGE.match(head):
        return "html"
    if not named and _NOTEBOOK.match(head) and b'"cell_type"' in head:
        return "notebook"
    if not named and head.startswith(b"#!"):
        return "python" if b"python" in head.split(b"\n", 1)[0] else "code"
    return named or "text"


def _is_binary(head: bytes) -> bool:
    """Text has hardly a control character; UTF-16 has a mark, or a 0 in every other place."""
    if head.startswith(_MARKS) or head.startswith(b"\0\0\xfe\xff"):
        return False
    zeros = head.count(0)
    if zeros:
        half = len(head) // 2
        wide = min(head[::2].count(0), head[1::2].count(0)) < 0.05 * half
        return not (wide and zeros > 0.35 * half)
    return len(head) - len(head.translate(None, _CONTROL)) > 0.02 * len(head)


def _old_office(data: bytes) -> UnreadableDocument:
    if _ENCRYPTED in data:
        return UnreadableDocument(
            "It is encrypted: a password is needed.", hint="Save a copy without a password."
        )
    return UnknownFormat(
        "It is of an Office before 2007, or of its kind.", hint="Save it as .docx, .xlsx, .pptx or .pdf."
    )
