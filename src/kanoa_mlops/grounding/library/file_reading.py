"""Attached files read as those of folders are."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.ingest.chunking import Chunking
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.vectors import embed_missing
from kanoa_mlops.grounding.library.attachment import Cut
from kanoa_mlops.grounding.library.reading import Progress
from kanoa_mlops.grounding.types import Document, Embedder


@dataclass(frozen=True)
class FileReading:
    """A `Reading`. Whoever made the reader closes it."""

    reader: FileReader

    def read(self, name: str, content: bytes, *, source: str, cut: Cut | None) -> Document:
        chunking = Chunking(cut.tokens, cut.overlap) if cut else None
        document = self.reader.read(name, content, source=source, chunking=chunking)
        assert document is not None  # it is None only where a digest is known
        return document

    def embed(self, archive: Archive, collection_id: str, embedder: Embedder, progress: Progress) -> None:
        embed_missing(archive, collection_id, embedder, progress)
