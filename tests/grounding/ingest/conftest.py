"""What reads, and where it goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kanoa_mlops.grounding.archive import Collection
from kanoa_mlops.grounding.ingest.file_reader import FileReader
from kanoa_mlops.grounding.local.archive import LocalArchive

COLLECTION = "vs_" + "0" * 24


@pytest.fixture(scope="module")
def reader() -> Iterator[FileReader]:
    with FileReader(processes=2) as reader:
        yield reader


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[LocalArchive]:
    archive = LocalArchive(tmp_path / "archive.sqlite")
    archive.create(Collection(COLLECTION, "papers"))
    yield archive
    archive.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder
