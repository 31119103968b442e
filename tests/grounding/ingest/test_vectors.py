"""Vectors come after the texts; what is done is kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pytest

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.mirror import mirror
from kanoa_mlops.grounding.ingest.vectors import embed_missing
from kanoa_mlops.grounding.local.archive import LocalArchive
from kanoa_mlops.grounding.types import Space
from tests.grounding.ingest import samples
from tests.grounding.ingest.conftest import COLLECTION

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors


class FailingEmbedder:
    """Refuses after some requests; its vectors count words."""

    space = Space("counting", 16)

    def __init__(self, requests: int) -> None:
        self._left = requests
        self.texts: list[str] = []

    def documents(self, texts: Sequence[str]) -> Vectors:
        if not self._left:
            raise RetrieverFailed("The model is gone.")
        self._left -= 1
        self.texts += texts
        return np.stack([self.query(text) for text in texts])

    def query(self, text: str) -> Vectors:
        vector = np.zeros(16, np.float32)
        for word in text.split():
            vector[crc32(word.encode()) % 16] += 1
        return vector / np.float32(np.linalg.norm(vector))


def test_resumes_and_embeds_only_what_changed(
    archive: LocalArchive, folder: Path, reader: FileReader
) -> None:
    def mirrored() -> None:
        mirror(archive, COLLECTION, folder, state=folder.parent / "state", reader=reader)

    for number in range(50):
        (folder / f"{number}.md").write_text(f"# Valve {number}\n\n{samples.WORDS}")
    mirrored()
    told: list[tuple[int, int]] = []
    with pytest.raises(RetrieverFailed):
        embed_missing(archive, COLLECTION, FailingEmbedder(1), lambda *each: told.append(each))
    assert told == [(32, 50)]
    second = FailingEmbedder(-1)
    assert embed_missing(archive, COLLECTION, second) == 18
    assert archive.stats(COLLECTION).embedded == 50
    assert all(text.startswith("Valve ") for text in second.texts)  # under its heading

    (folder / "7.md").write_text("# Valve 7\n\nIt is new.")
    (folder / "8.md").unlink()
    mirrored()
    third = FailingEmbedder(-1)
    embed_missing(archive, COLLECTION, third)
    assert third.texts == ["Valve 7\nIt is new."]
