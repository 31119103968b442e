"""Pages that are pictures: read by OCR, and described by who sees."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.gateway.ocr import OcrReader
from kanoa_mlops.grounding.ingest.figures import describe_figures
from kanoa_mlops.grounding.ingest.file_reader import NOTE, FileReader
from kanoa_mlops.grounding.ingest.mirror import mirror
from kanoa_mlops.grounding.local.archive import LocalArchive
from tests.grounding.ingest import samples
from tests.grounding.ingest.conftest import COLLECTION


class Ocr:
    """The gateway's, asked from a thread; as the command joins it."""

    name = "ocr"

    def read(self, image: bytes) -> str:
        async def once() -> str:
            ocr = OcrReader()
            try:
                return await ocr.read(image)
            finally:
                ocr.close()

        return asyncio.run(once())


class Blind:
    """Refuses after some pages; says what it was shown."""

    def __init__(self, pages: int) -> None:
        self._left = pages
        self.sizes: list[tuple[int, int]] = []

    def describe(self, image: bytes) -> str:
        from PIL import Image

        if not self._left:
            raise RetrieverFailed("The model is gone.")
        self._left -= 1
        self.sizes.append(Image.open(io.BytesIO(image)).size)
        return f"A line chart of pressure, number {len(self.sizes)}."


def test_scanned_pages_are_read_by_ocr() -> None:
    with FileReader(page_reader=Ocr()) as reader:
        document = reader.read("scan.pdf", samples.scanned_pdf("Pressure 42 bar"))
    assert document is not None
    [chunk] = document.chunks
    assert "Pressure" in chunk.text and "42" in chunk.text
    assert chunk.page == 1
    assert document.attributes[NOTE] == "1 scanned page read by ocr"
    assert document.reader.endswith(" ocr")


def test_figures_are_described_page_by_page_and_go_on_where_they_ended(
    archive: LocalArchive, folder: Path, reader: FileReader
) -> None:
    (folder / "a.pdf").write_bytes(samples.plot_pdf())
    (folder / "b.pdf").write_bytes(samples.plot_pdf())
    (folder / "text.pdf").write_bytes(samples.pdf([["# Only text", samples.WORDS]]))
    mirror(archive, COLLECTION, folder, state=folder.parent / "state", reader=reader)
    with pytest.raises(RetrieverFailed):
        describe_figures(archive, COLLECTION, Blind(1), reader=reader)
    model = Blind(-1)
    assert describe_figures(archive, COLLECTION, model, reader=reader) == 1
    assert model.sizes and min(model.sizes[0]) > 400
    [figure] = [chunk for chunk in archive.chunks(COLLECTION, "b.pdf") if chunk.kind == "figure"]
    assert (figure.text, figure.page) == ("A line chart of pressure, number 1.", 1)
    assert describe_figures(archive, COLLECTION, model, reader=reader) == 0
    report = mirror(archive, COLLECTION, folder, state=folder.parent / "state", reader=reader)
    assert (len(report.unchanged), len(archive.search(COLLECTION, "line chart", None))) == (3, 2)
