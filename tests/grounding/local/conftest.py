from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kanoa_mlops.grounding.local import LocalArchive
from tests.grounding.local.making import collection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive.db"


@pytest.fixture
def archive(path: Path) -> Iterator[LocalArchive]:
    """With one collection."""
    archive = LocalArchive(path)
    archive.create(collection())
    yield archive
    archive.close()


@pytest.fixture
def other(archive: LocalArchive, path: Path) -> Iterator[LocalArchive]:
    """Another process, or the command line."""
    other = LocalArchive(path)
    yield other
    other.close()
