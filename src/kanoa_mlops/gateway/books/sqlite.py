"""The books in SQLite; all its SQL but the tables themselves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kanoa_mlops.errors import UnknownKey, UserError
from kanoa_mlops.gateway.books.database import open_database, told, transaction
from kanoa_mlops.gateway.books.key import Key, KeyLimits
from kanoa_mlops.gateway.books.schema import MIGRATIONS

_KEY_COLUMNS = (
    "id, name, digest, created, expires, revoked, requests_per_minute, tokens_per_minute, parallel, "
    "micro_per_day, micro_per_month, models, may_burst"
)
_ADD_KEY = f"INSERT INTO keys ({_KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_KEYS = f"SELECT {_KEY_COLUMNS} FROM keys ORDER BY created, id"
_REVOKE_KEY = "UPDATE keys SET revoked = coalesce(revoked, ?) WHERE id = ?"


class SqliteStore:
    """A `Store`. One thread at a time may use it."""

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        """
        Args:
            patience: seconds to wait for another process that is writing.

        Raises:
            BooksUnusable: no right to write it, damaged, or written by a newer version.
            BooksBusy: another process held it for longer.
            DiskFull: there is no room for it.
        """
        self._path = path
        self._connection = open_database(path, MIGRATIONS, patience=patience)
        self._version = self._data_version()

    def close(self) -> None:
        self._connection.close()

    def add_key(self, key: Key) -> None:
        try:
            with self._writing():
                self._connection.execute(_ADD_KEY, _row_of(key))
        except sqlite3.IntegrityError as error:
            raise UserError(
                f"There is a key called {key.name!r} already.",
                hint="Choose another name, or revoke that one: `kanoa-mlops keys list`.",
            ) from error

    def revoke_key(self, key: str, now: float) -> None:
        with self._writing():
            if not self._connection.execute(_REVOKE_KEY, (now, key)).rowcount:
                raise UnknownKey(f"There is no key {key!r}.", hint="`kanoa-mlops keys list` shows all.")

    def all_keys(self) -> Sequence[Key]:
        return [_key_of(row) for row in self._rows(_KEYS)]

    def changed(self) -> bool:
        before, self._version = self._version, self._data_version()
        return before != self._version

    def _data_version(self) -> int:
        """Another number after each change by another connection; never by this one's own."""
        ((version,),) = self._rows("PRAGMA data_version")
        return int(version)

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with told(self._path):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with told(self._path), transaction(self._connection):
            yield


def _row_of(key: Key) -> tuple[object, ...]:
    limits = key.limits
    return (
        key.id,
        key.name,
        key.digest,
        key.created,
        key.expires,
        key.revoked,
        limits.requests_per_minute,
        limits.tokens_per_minute,
        limits.parallel,
        limits.micro_per_day,
        limits.micro_per_month,
        json.dumps(limits.models),
        limits.may_burst,
    )


def _key_of(row: tuple[Any, ...]) -> Key:
    id, name, digest, created, expires, revoked, requests, tokens, parallel, day, month, models, may_burst = (
        row
    )
    limits = KeyLimits(requests, tokens, parallel, day, month, tuple(json.loads(models)), bool(may_burst))
    return Key(id, name, digest, created, expires, revoked, limits)
