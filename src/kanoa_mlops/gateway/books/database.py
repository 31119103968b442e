"""The SQLite file of the books, and how its troubles are told."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from kanoa_mlops import database
from kanoa_mlops.database import transaction
from kanoa_mlops.errors import BooksBusy, BooksUnusable

__all__ = ["open_database", "told", "transaction"]

_BOOKS = database.Words(
    name="The gateway's database",
    unusable=BooksUnusable,
    busy=BooksBusy,
    elsewhere="Set KANOA_MLOPS_STATE_DIR to a folder on a local disk.",
    damaged="Stop the gateway and move the file away; a new one is begun, without keys and history. "
    "`sqlite3 {path} .recover` shows what can be saved.",
)
_CACHE_KIB = 256
"""Of pages; with the 2 MiB that is SQLite's own a gateway grows by them, and appends no faster."""


def open_database(path: Path, migrations: Sequence[str], *, patience: float = 5.0) -> sqlite3.Connection:
    """As `database.open_database` says, of the books."""
    connection = database.open_database(path, migrations, _BOOKS, patience=patience)
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def told(path: Path) -> AbstractContextManager[None]:
    """What SQLite raises inside becomes an error of the books."""
    return database.told(path, _BOOKS)
