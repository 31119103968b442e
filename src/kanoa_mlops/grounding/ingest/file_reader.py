"""Files to documents, by processes that may die of it."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Self

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.grounding.filters import Attributes
from kanoa_mlops.grounding.ingest.block import Block, Spot
from kanoa_mlops.grounding.ingest.chunking import Chunking
from kanoa_mlops.grounding.ingest.cutting import Piece, cut
from kanoa_mlops.grounding.ingest.decoding import clean
from kanoa_mlops.grounding.ingest.formats.pdf_tables import tables_available
from kanoa_mlops.grounding.ingest.identity import identified
from kanoa_mlops.grounding.ingest.limits import Limits
from kanoa_mlops.grounding.ingest.pictures import PageReader
from kanoa_mlops.grounding.ingest.reading_process import ReadingProcess
from kanoa_mlops.grounding.types import Document

VERSION = 1
"""Counted up when files are read or cut otherwise, so that they are read again."""
NOTE = "note"
"""The attribute that says what was replaced or left out; absent where nothing was."""
_SCAN_DOTS = 200  # an inch, for OCR


class FileReader:
    """Keeps its processes between files. For several threads; close it, or use it by `with`."""

    def __init__(
        self,
        chunking: Chunking | None = None,
        *,
        limits: Limits | None = None,
        page_reader: PageReader | None = None,
        processes: int = 1,
    ) -> None:
        """`page_reader` reads scanned pages; without one they are named and left out."""
        self.chunking = chunking or Chunking()
        self.processes = processes
        self.name = _name(self.chunking, page_reader)
        """`Document.reader`: what reads and cuts the same has the same."""
        self._page_reader = page_reader
        self._idle: queue.LifoQueue[ReadingProcess] = queue.LifoQueue()
        self._all = [ReadingProcess(limits or Limits()) for _ in range(processes)]
        for each in self._all:
            self._idle.put(each)

    def read(
        self,
        name: str,
        content: bytes | None = None,
        *,
        path: Path | None = None,
        source: str = "",
        known_digest: str = "",
        attributes: Attributes | None = None,
        chunking: Chunking | None = None,
    ) -> Document | None:
        """The file `name`, of `content` or at `path`; its format is told by both content and name.

        None where its digest is `known_digest`. `source` is `name` if not given; ids of chunks hang on it.

        Raises:
            UnreadableDocument: its text cannot be had; says why.
            MissingExtra: what reads this format is not installed.
        """
        job: dict[str, Any] = {
            "do": "read",
            "name": name,
            "known": known_digest,
            "chunking": _terms(chunking or self.chunking),
        }
        with self._process() as process:
            [(answer, _)] = process.answers(*_with_content(job, content, path))
            if answer.get("same"):
                return None
            pieces, notes = [_piece(each) for each in answer["pieces"]], list(answer["notes"])
            if answer["scanned"] and self._page_reader is not None:
                images = _pictures(process, answer["scanned"], _SCAN_DOTS, content, path)
                read = self._scanned(images, chunking or self.chunking, notes)
                pieces = sorted([*pieces, *read], key=lambda piece: piece.page or 0)
        return Document(
            source=source or name,
            title=str(answer["title"]) or PurePath(name).stem,
            digest=str(answer["digest"]),
            chunks=identified(source or name, pieces),
            attributes={**(attributes or {}), **({NOTE: "; ".join(notes)} if notes else {})},
            path=str(path.absolute()) if path else "",
            bytes=int(answer["bytes"]),
            modified=float(answer["modified"]),
            reader=self.name if chunking is None else _name(chunking, self._page_reader),
        )

    def figure_pages(self, path: Path) -> list[int]:
        """Pages of a PDF with pictures or drawings on them.

        Raises:
            UnreadableDocument: as in `read`.
        """
        with self._process() as process:
            [(answer, _)] = process.answers(*_with_content({"do": "figures", "name": path.name}, None, path))
        return [int(page) for page in answer["pages"]]

    def rendered(self, path: Path, pages: list[int], dots: int) -> Iterator[tuple[int, bytes]]:
        """Each page with its number, as PNG of `dots` an inch.

        Raises:
            UnreadableDocument: as in `read`.
        """
        with self._process() as process:
            yield from _pictures(process, pages, dots, None, path)

    def close(self) -> None:
        for each in self._all:
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _process(self) -> Iterator[ReadingProcess]:
        process = self._idle.get()
        try:
            yield process
        finally:
            self._idle.put(process)

    def _scanned(
        self, images: Iterator[tuple[int, bytes]], chunking: Chunking, notes: list[str]
    ) -> list[Piece]:
        assert self._page_reader is not None
        notes[:] = [note for note in notes if "scanned" not in note]
        blocks, failed = [], []
        for page, image in images:
            try:
                blocks.append(Block(clean(self._page_reader.read(image)), page=page))
            except KanoaError as error:
                failed.append(f"page {page}: {error.message}")
        count = f"{len(blocks)} scanned {'page' if len(blocks) == 1 else 'pages'}"
        notes += [f"{count} read by {self._page_reader.name}", *failed[:3]]
        return list(cut(blocks, chunking))


def read_file(
    name: str,
    content: bytes | Path,
    *,
    source: str = "",
    chunking: Chunking | None = None,
    limits: Limits | None = None,
    page_reader: PageReader | None = None,
) -> Document:
    """One file, in a process of its own; see `FileReader` for many.

    Raises:
        UnreadableDocument: its text cannot be had; says why.
        MissingExtra: what reads this format is not installed.
    """
    with FileReader(chunking, limits=limits, page_reader=page_reader) as reader:
        if isinstance(content, Path):
            document = reader.read(name, path=content, source=source)
        else:
            document = reader.read(name, content, source=source)
    assert document is not None
    return document


def _pictures(
    process: ReadingProcess, pages: list[int], dots: int, content: bytes | None, path: Path | None
) -> Iterator[tuple[int, bytes]]:
    job = {"do": "render", "name": "", "pages": pages, "dots": dots}
    for answer, image in process.answers(*_with_content(job, content, path)):
        yield int(answer["page"]), image


def _with_content(
    job: Mapping[str, Any], content: bytes | None, path: Path | None
) -> tuple[Mapping[str, Any], bytes]:
    if path is not None:
        return {**job, "path": os.fsencode(path).hex()}, b""
    return job, content or b""


def _name(chunking: Chunking, page_reader: PageReader | None) -> str:
    parts = [f"ingest {VERSION}", str(chunking)]
    parts += ["tables"] if tables_available() else []
    parts += [page_reader.name] if page_reader else []
    return " ".join(parts)


def _terms(chunking: Chunking) -> list[int]:
    return [chunking.max_tokens, chunking.overlap_tokens]


def _piece(given: Mapping[str, Any]) -> Piece:
    spot = Spot(**given["spot"]) if given["spot"] else None
    return replace(Piece(**{**given, "spot": spot}), heading=tuple(given["heading"]))
