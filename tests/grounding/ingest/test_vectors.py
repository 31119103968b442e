"""Vectors come after the texts; what is done is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
import pytest

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.embedded_text import embedded_text
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.ingest.mirror import mirror
from kanoa_mlops.grounding.ingest.vectors import embed_missing
from kanoa_mlops.grounding.local.archive import LocalArchive
from kanoa_mlops.grounding.shared import SharedArchive
from kanoa_mlops.grounding.types import Ranking, Space
from tests.grounding.ingest import samples
from tests.grounding.ingest.conftest import COLLECTION
from tests.postgres import Postgres

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


Contents = Callable[[Sequence[str]], str]
"""Of a file that says this, in order."""


def notebook(said: Sequence[str]) -> str:
    title = {"cell_type": "markdown", "source": "# Calibration"}
    code = [{"cell_type": "code", "source": each, "outputs": []} for each in said]
    return json.dumps({"cells": [title, *code], "nbformat": 4, "metadata": {}})


def paragraphs(said: Sequence[str]) -> str:
    return "\n\n".join(said)


def functions(said: Sequence[str]) -> str:
    return "\n\n\n".join(f"def step_{each.split()[0]}():\n    '{each}'" for each in said)


def rows(said: Sequence[str]) -> str:
    return "what\n" + "\n".join(said)


LONG = [f"n{number} " + " ".join(f"w{number}x{word}" for word in range(150)) for number in range(12)]
"""Each about as much as two chunks hold."""


@pytest.fixture(params=["local", "shared"])
def either(request: pytest.FixtureRequest) -> Iterator[Archive]:
    if request.param == "local":
        yield request.getfixturevalue("archive")
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database() as url, closing(SharedArchive(url)) as archive:
        archive.create(Collection(COLLECTION, "papers"))
        yield archive


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("a.ipynb", notebook),
        ("a.txt", paragraphs),
        ("a.md", paragraphs),
        ("a.py", functions),
        ("a.csv", rows),
    ],
)
def test_what_is_inserted_is_embedded_and_nothing_below_it(
    either: Archive, folder: Path, reader: FileReader, name: str, contents: Contents
) -> None:
    def embedded(said: Sequence[str]) -> list[str]:
        """What the model was given."""
        (folder / name).write_text(contents(said))
        mirror(either, COLLECTION, folder, state=folder.parent / "state", reader=reader)
        embedder = FailingEmbedder(-1)
        embed_missing(either, COLLECTION, embedder)
        stats = either.stats(COLLECTION)
        assert stats.embedded == stats.chunks
        return embedder.texts

    first = embedded(LONG)
    assert len(first) >= len(LONG)
    new = "zz " + " ".join(f"new{word}" for word in range(150))
    fresh = embedded([*LONG[:1], new, *LONG[1:]])
    assert any("new0" in text for text in fresh)
    assert len(fresh) <= 4, "it, and what is cut otherwise beside it"
    assert not any("w5x0 " in text for text in fresh)
    assert len(embedded(LONG)) <= 4, "and what is taken out again moves as little"


def test_of_what_moved_the_vector_is_that_of_its_text(
    either: Archive, folder: Path, reader: FileReader
) -> None:
    """It is found by its meaning where it stands now."""
    embedder = FailingEmbedder(-1)
    for said in (LONG, [LONG[11], *LONG[:11]]):
        (folder / "a.ipynb").write_text(notebook(said))
        mirror(either, COLLECTION, folder, state=folder.parent / "state", reader=reader)
        embed_missing(either, COLLECTION, embedder)
    assert len(embedder.texts) == len(set(embedder.texts))
    vectors_alone = Ranking(0.0, 1.0)
    [best] = either.search(
        COLLECTION, "", embedder.query(f"Calibration\n{LONG[11]}"), k=1, ranking=vectors_alone
    )
    assert best.text.startswith("n11 ")
    assert best.heading.endswith("cell 2")


@pytest.mark.parametrize(
    ("heading", "kept"),
    [
        ("Method > cell 5", "Method\n"),
        ("rows 2-30", ""),
        ("Line 5", "Line 5\n"),
        ("In line 5 of it", "In line 5 of it\n"),
        ("A > B", "A > B\n"),
        ("", ""),
    ],
)
def test_a_vector_is_made_of_headings_and_of_no_place(heading: str, kept: str) -> None:
    assert embedded_text(heading, "It drifts.") == f"{kept}It drifts."
