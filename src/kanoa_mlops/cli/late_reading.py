"""Attached files, read as those of folders are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.library.attachment import Cut
from kanoa_mlops.grounding.library.reading import Progress
from kanoa_mlops.grounding.types import Document, Embedder

if TYPE_CHECKING:
    from kanoa_mlops.grounding.library.file_reading import FileReading


class LateReading:
    """A `Reading`, for one thread. What reads is loaded with the first file: most days bring none."""

    def __init__(self) -> None:
        self._reading: FileReading | None = None

    def read(self, name: str, content: bytes, *, source: str, cut: Cut | None) -> Document:
        return self._loaded().read(name, content, source=source, cut=cut)

    def embed(self, archive: Archive, collection_id: str, embedder: Embedder, progress: Progress) -> None:
        self._loaded().embed(archive, collection_id, embedder, progress)

    def close(self) -> None:
        if self._reading:
            self._reading.reader.close()

    def _loaded(self) -> FileReading:
        from kanoa_mlops.cli.page_reader import page_reader
        from kanoa_mlops.grounding.ingest.file_reader import FileReader
        from kanoa_mlops.grounding.library.file_reading import FileReading

        self._reading = self._reading or FileReading(FileReader(page_reader=page_reader()))
        return self._reading
