"""One SQLite file: opened, brought to this version's schema, and its errors put into words.

Several processes may have it open at once: each gateway of this machine, and the command line.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.errors import DiskFull, KanoaError, UserError

_AGAIN_SECONDS = 0.01
_NO_ROOM = 2**20  # bytes; with less, an error of the disk means that it is full


@dataclass(frozen=True)
class Words:
    """How one kind of file is spoken of, and which errors its troubles become."""

    name: str
    """Before its path."""
    unusable: type[UserError]
    busy: type[UserError]
    elsewhere: str
    """How to have it on another disk."""
    damaged: str
    """What to do with one that is damaged; `{path}` stands for it."""


def open_database(
    path: Path, migrations: Sequence[str], words: Words, *, patience: float
) -> sqlite3.Connection:
    """A connection that commits by itself outside of `transaction`. One thread at a time may use it.

    Args:
        migrations: SQL that makes each version of the schema from the one before.
        patience: seconds to wait for another process that is writing.

    Raises:
        words.unusable: no right to write it, damaged, or written by a newer version.
        words.busy: another process held it for longer.
        DiskFull: there is no room for it.
    """
    _create(path, words)
    with told(path, words):
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        with told(path, words):
            _set_up(connection, path, words, patience)
            _migrate(connection, path, words, migrations)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. Takes the right to write at once, so that what was read holds until the end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # SQLite ends a transaction by itself after some errors, and after others it does not.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def told(path: Path, words: Words) -> Iterator[None]:
    """What SQLite raises inside becomes an error of ours. A mistake in our own SQL stays what it is."""
    try:
        yield
    except sqlite3.Error as error:
        if found := _translate(error, path, words):
            raise found from error
        raise


def _create(path: Path, words: Words) -> None:
    """Readable by its owner alone; SQLite gives the files that it puts beside it the same rights."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One that is there is looked at, not opened: closing a file takes every lock on it from this process,
        # those of SQLite too (sqlite.org/howtocorrupt.html, 2.2), and what is not in it yet is thrown away.
        if not path.exists():
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if path.is_dir() or not os.access(path, os.R_OK | os.W_OK):
            code = errno.EISDIR if path.is_dir() else errno.EACCES
            raise OSError(code, os.strerror(code))
    except OSError as error:
        raise words.unusable(
            f"{words.name} {path} cannot be written: {error.strerror}.",
            hint="It needs a file, in a folder, that this user may write.",
        ) from error


def _set_up(connection: sqlite3.Connection, path: Path, words: Words, patience: float) -> None:
    # In this mode readers never wait. FULL: what was committed outlives a power cut; we commit rarely.
    if _write_ahead(connection, patience) != "wal":
        raise words.unusable(
            f"{words.name} {path} is on a file system without shared memory.", hint=words.elsewhere
        )
    connection.execute("PRAGMA synchronous = FULL")


def _write_ahead(connection: sqlite3.Connection, patience: float) -> str:
    """The mode it is in then. While others do the same to a new file SQLite refuses, and does not wait."""
    until = time.monotonic() + patience
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_AGAIN_SECONDS)


def _migrate(connection: sqlite3.Connection, path: Path, words: Words, migrations: Sequence[str]) -> None:
    if _version(connection) == len(migrations):
        return
    with transaction(connection):
        # Read again: another process may have done it while we waited for the right to write.
        version = _version(connection)
        if version > len(migrations):
            raise words.unusable(
                f"{words.name} {path} was written by a newer kanoa-mlops "
                f"(its version is {version}, the newest known here is {len(migrations)}).",
                hint="Update kanoa-mlops.",
            )
        for script in migrations[version:]:
            # Not executescript(), which would commit first. No statement of ours has a semicolon inside.
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _translate(error: sqlite3.Error, path: Path, words: Words) -> KanoaError | None:
    # The lowest byte is the kind, the rest the particular case.
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    name = f"{words.name} {path}"
    if kind == sqlite3.SQLITE_FULL or (kind == sqlite3.SQLITE_IOERR and _is_full(path)):
        return DiskFull(f"{name} cannot grow: the disk is full.", hint="Free some room there.")
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return words.busy(f"{name} is held by another process.", hint="Try again, or end what holds it.")
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return words.unusable(f"{name} is damaged: {error}.", hint=words.damaged.format(path=path))
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return words.unusable(
            f"{name} cannot be read and written: {error}.",
            hint="It needs a file, in a folder on a local disk, that this user may write.",
        )
    return None


def _is_full(path: Path) -> bool:
    return shutil.disk_usage(path.parent).free < _NO_ROOM
