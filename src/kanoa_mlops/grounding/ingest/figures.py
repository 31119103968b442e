"""Figures of PDFs, described by a model that sees, so that they are found by what they show.

One request a page with a figure: explicit, never on the way of `mirror`, and resumable page by page.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kanoa_mlops.errors import UnreadableDocument
from kanoa_mlops.grounding.archive import Archive, Held
from kanoa_mlops.grounding.ingest.block import Block
from kanoa_mlops.grounding.ingest.cutting import cut
from kanoa_mlops.grounding.ingest.decoding import clean
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.identity import identified
from kanoa_mlops.grounding.ingest.pictures import FigureReader
from kanoa_mlops.grounding.types import Chunk, Document

_DOTS = 110  # an inch: a page of A4 is 910 by 1290 pixels
SEEN = "figures_seen"
"""The attribute that says up to which page figures are described."""

FigureProgress = Callable[[str, int, int], None]
"""Of a source, a page, and of how many pages."""


def describe_figures(
    archive: Archive,
    collection_id: str,
    model: FigureReader,
    *,
    reader: FileReader | None = None,
    progress: FigureProgress | None = None,
) -> int:
    """How many chunks of kind "figure" there are more. Pages that were described before are passed over.

    Raises:
        KanoaError: the model was not reached, or refused; what is done is kept.
    """
    if reader is None:
        with FileReader() as own:
            return describe_figures(archive, collection_id, model, reader=own, progress=progress)
    made = 0
    for held in archive.held(collection_id):
        if not held.path.lower().endswith(".pdf"):
            continue
        try:
            made += _document(archive, collection_id, held, model, reader, progress)
        except UnreadableDocument:
            continue  # the mirror names it
    return made


def _document(
    archive: Archive,
    collection_id: str,
    held: Held,
    model: FigureReader,
    reader: FileReader,
    progress: FigureProgress | None,
) -> int:
    path = Path(held.path)
    seen = int(held.attributes.get(SEEN, 0))
    pages = [page for page in reader.figure_pages(path) if page > seen]
    chunks = tuple(archive.chunks(collection_id, held.source))
    before = len(chunks)
    for page, image in reader.rendered(path, pages, _DOTS):
        said = clean(model.describe(image)).strip()
        chunks = _with_figure(held, chunks, page, said, reader)
        _put(archive, collection_id, held, chunks, page)
        if progress is not None:
            progress(held.source, page, pages[-1])
    return len(chunks) - before


def _with_figure(
    held: Held, chunks: tuple[Chunk, ...], page: int, said: str, reader: FileReader
) -> tuple[Chunk, ...]:
    """After the page's own text."""
    near = [chunk for chunk in chunks if chunk.page is not None and chunk.page <= page]
    heading = (near[-1].heading,) if near and near[-1].heading else ()
    pieces = cut([Block(said, heading, page, kind="figure")], reader.chunking)
    return (*near, *identified(f"{held.source}\0{page}", pieces), *chunks[len(near) :])


def _put(archive: Archive, collection_id: str, held: Held, chunks: tuple[Chunk, ...], page: int) -> None:
    document = Document(
        source=held.source,
        title=held.title,
        digest=held.digest,
        chunks=chunks,
        attributes={**held.attributes, SEEN: page},
        file_id=held.file_id,
        path=held.path,
        bytes=held.bytes,
        modified=held.modified,
        reader=held.reader,
    )
    archive.put(collection_id, document)
