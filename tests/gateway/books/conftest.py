from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.books.places import Stored, opened
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """New books, for `opened`."""
    if request.param == "sqlite":
        yield str(tmp_path / "gateway.db")
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url


@pytest.fixture
def store(where: str) -> Iterator[Stored]:
    store = opened(where)
    yield store
    store.close()


@pytest.fixture
def other(where: str) -> Iterator[Stored]:
    """Another process, or the command line."""
    store = opened(where)
    yield store
    store.close()
