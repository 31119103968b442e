"""A connection to Postgres that comes back, waits for nothing for ever, and whose errors are put into words.

No word holds the password: libpq's own never do, and of an address that it cannot parse, which it would
quote, nothing is passed on.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict

from kanoa_mlops.errors import BooksBusy, BooksUnusable, DiskFull, KanoaError, SettingsError

T = TypeVar("T")
Row = tuple[Any, ...]

SCHEMA = "kanoa_mlops"
"""In which all tables are, so that the database may hold other things."""
_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 10
"""The server ends what takes longer."""
_ANSWER_SECONDS = 15
"""A server that said nothing for so long, not even that, is given up."""
_SET_UP = (
    "SELECT set_config('search_path', %s, false), set_config('lock_timeout', %s, false), "
    "set_config('statement_timeout', %s, false), set_config('idle_in_transaction_session_timeout', %s, false)"
)
_BUSY = ("40001", "40P01", "55P03", "57014")
"""Serialization, deadlock, lock and statement timeout."""
_FORBIDDEN = ("25006", "42501")
"""A server that may only be read; rights that lack."""
_DAMAGED = ("58", "XX")


@dataclass(frozen=True)
class Address:
    """Where the books are. A password in a file is read each time, so that it may be changed."""

    url: str = field(repr=False)
    """As libpq reads it: postgresql://user@host:5432/database. What it lacks comes from libpq's own places:
    PGPASSWORD, PGPASSFILE, ~/.pgpass."""
    password_file: Path | None = None

    def words(self) -> dict[str, Any]:
        """
        Raises:
            SettingsError: no address; or no such file.
        """
        try:
            if _is_torn(self.url):
                raise psycopg.ProgrammingError
            words = conninfo_to_dict(self.url)
        except (psycopg.ProgrammingError, UnicodeDecodeError):  # %aa stands for a byte that is no UTF-8
            raise SettingsError(
                "The address of the gateway's database cannot be read.",
                hint="Write it as postgresql://user@host:5432/database, with %40 for @ and %2F for /.",
            ) from None
        if self.password_file:
            words["password"] = _first_line(self.password_file)
        return words

    def __str__(self) -> str:
        words = self.words()
        host, port = words.get("host"), words.get("port")
        place = f" on {host}" + (f":{port}" if port else "") if host else ""
        return f"database {words.get('dbname') or words.get('user') or 'of this user'}{place}"


class Link:
    """Opened when it is first needed, and again after it broke. One thread at a time may use it."""

    def __init__(self, address: Address, *, patience: float) -> None:
        """
        Args:
            patience: seconds to wait for others that write.

        Raises:
            SettingsError: no address.
        """
        # It warns of errors in a pipeline that it raises as well; they are told once, by whoever asked.
        logging.getLogger("psycopg").setLevel(logging.ERROR)
        self._address = address
        self._patience = patience
        self._name = f"The gateway's {address}"
        self._connection: psycopg.Connection[Row] | None = None

    @property
    def connection(self) -> psycopg.Connection[Row]:
        """Inside of `told`."""
        if self._connection is None or self._connection.closed:
            self._connection = self._connected()
        return self._connection

    @property
    def name(self) -> str:
        return self._name

    @contextmanager
    def told(self) -> Iterator[None]:
        """What Postgres raises inside becomes an error of ours. A mistake in our own SQL stays what it is."""
        try:
            yield
        except psycopg.Error as error:
            if found := self._translate(error):
                raise found from error
            raise

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Row]]:
        """All or nothing. What is sent within goes in one packet, until an answer is wanted."""
        with self.told():
            connection = self.connection
            with connection.pipeline(), connection.transaction():
                yield connection

    def rows(self, sql: str, values: Sequence[object] | dict[str, object] = ()) -> list[Row]:
        """Of one statement, which is a transaction of its own."""
        with self.told():
            return self.connection.execute(sql, values or None).fetchall()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> psycopg.Connection[Row]:
        connection = _Bounded.connect(**_patient(self._address.words()), autocommit=True)
        try:
            limit = f"{_STATEMENT_SECONDS}s"
            patience = f"{max(1, round(1000 * self._patience))}ms"
            connection.execute(_SET_UP, (SCHEMA, patience, limit, limit))
        except BaseException:
            connection.close()
            raise
        return connection

    def _translate(self, error: psycopg.Error) -> KanoaError | None:
        code = error.sqlstate or ""
        if code == "53100":
            return DiskFull(f"{self._name} cannot grow: the disk is full.", hint="Free some room there.")
        if code in _BUSY:
            return BooksBusy(
                f"{self._name} is held by another process.", hint="Try again, or end what holds it."
            )
        if code in _FORBIDDEN:
            return BooksUnusable(
                f"{self._name} cannot be read and written: {_words(error)}.",
                hint="It needs a server that may be written, and a user who may create a schema in it.",
            )
        if code.startswith(_DAMAGED):
            return BooksUnusable(
                f"{self._name} is damaged: {_words(error)}.", hint="See the server's own log."
            )
        # Without a code the server was not reached, or no longer; with these it says that it is leaving.
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return BooksBusy(
                f"{self._name} cannot be reached: {_words(error)}.",
                hint="See that it runs, and that KANOA_MLOPS_BOOKS and its password are right.",
            )
        return None


class _Bounded(psycopg.Connection[Row]):
    """Gives up a server that is silent: one that was frozen, or a network that was cut."""

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:
        return super().wait(self._until(gen, time.monotonic() + _ANSWER_SECONDS), *args, **options)

    def _until(self, gen: PQGen[T], end: float) -> PQGen[T]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > end:
                    # Not asked anything more: a rollback would wait as long again.
                    self.close()
                    raise psycopg.OperationalError(f"it said nothing for {_ANSWER_SECONDS} seconds")
                wanted = gen.send(ready)
        except StopIteration as done:
            found: T = done.value
            return found


def _is_torn(url: str) -> bool:
    """Whether a password has letters in it by which libpq would take its end for a host, and name that."""
    authority = re.split("[/?]", url.partition("://")[2], maxsplit=1)[0]
    return authority.count("@") > 1 or url.count("@") > authority.count("@")


def _patient(words: dict[str, Any]) -> dict[str, Any]:
    """What the address does not say itself."""
    return {
        "connect_timeout": _CONNECT_SECONDS,
        "application_name": "kanoa-mlops",
        # Of several hosts, the one that takes what is written.
        "target_session_attrs": "read-write",
        **words,
    }


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(
            f"The password of the gateway's database cannot be read from {path}: {reason}.",
            hint="Set KANOA_MLOPS_BOOKS_PASSWORD_FILE to a file whose first line it is.",
        ) from None


def _words(error: psycopg.Error) -> str:
    """The first line, without a full stop."""
    return (str(error) or type(error).__name__).partition("\n")[0].strip().rstrip(".")
