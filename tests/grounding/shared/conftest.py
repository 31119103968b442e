from __future__ import annotations

from collections.abc import Iterator

import pytest

from kanoa_mlops.grounding.shared import SharedArchive
from tests.postgres import Postgres


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def archive(url: str) -> Iterator[SharedArchive]:
    archive = SharedArchive(url)
    yield archive
    archive.close()
