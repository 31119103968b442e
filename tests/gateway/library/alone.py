"""A gateway with a library in its own process, to be killed: `python -m tests.gateway.library.alone DIR`.

It waits at each file that says 'wait' until there is a file `go` in the folder.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from kanoa_mlops.gateway.app import make_app
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.server import start_gateway
from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.library.attachment import Cut
from kanoa_mlops.grounding.library.file_reading import FileReading
from kanoa_mlops.grounding.library.ledger import Ledger
from kanoa_mlops.grounding.library.reading import Progress
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Document, Embedder


class Waiting:
    def __init__(self, inner: FileReading, folder: Path) -> None:
        self._inner, self._folder = inner, folder

    def read(self, name: str, content: bytes, *, source: str, cut: Cut | None) -> Document:
        if b"wait" in content:
            (self._folder / "waits").touch()
            while not (self._folder / "go").exists():
                time.sleep(0.02)
        return self._inner.read(name, content, source=source, cut=cut)

    def embed(self, archive: Archive, collection_id: str, embedder: Embedder, progress: Progress) -> None:
        self._inner.embed(archive, collection_id, embedder, progress)


async def main(folder: Path) -> None:
    with FileReader() as reader:
        library = Library(
            LocalArchive(folder / "documents.db"),
            ledger=Ledger(folder / "files.db"),
            reading=Waiting(FileReading(reader), folder),
            spool=folder / "coming",
        )
        library.start()
        app = make_app(Backends(), figures=None, max_body_bytes=10**6, version="1", documents=lambda: library)
        gateway = await start_gateway(app, "127.0.0.1", 0)
        (folder / "url.new").write_text(gateway.url)
        (folder / "url.new").rename(folder / "url")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
