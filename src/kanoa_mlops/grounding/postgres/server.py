"""Connections to one Postgres, lent to one thread at a time, and its troubles in words.

No word holds the password: libpq's own never do, and of an address that it cannot parse nothing is passed on.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.grounding.postgres.address import Address
from kanoa_mlops.grounding.postgres.trouble import Trouble, trouble

T = TypeVar("T")
Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 15
"""A server that said nothing for so long is given up, however long a statement may take."""
_MOST = 8
"""Connections at once; more threads wait."""


class Server:
    """For all threads. Connected when it is first needed, and again after that broke."""

    def __init__(
        self,
        address: Address,
        *,
        settings: Mapping[str, str],
        told: Callable[[Trouble, str], KanoaError],
        writes: bool,
    ) -> None:
        """
        Args:
            settings: of Postgres, for each connection.
            told: makes an error of a trouble and what the server said.
            writes: whether, of several hosts, it must be one that can be written.

        Raises:
            SettingsError: no address.
        """
        address.words()
        self._address, self._settings, self._told, self._writes = address, settings, told, writes
        self._idle: list[Connection] = []
        self._free = threading.Semaphore(_MOST)

    @contextmanager
    def lent(self, seconds: float = _ANSWER_SECONDS) -> Iterator[Connection]:
        """One in autocommit. What Postgres raises inside becomes an error of ours; a mistake in SQL stays.

        Args:
            seconds: for which the server may be silent.
        """
        if not self._free.acquire(timeout=_ANSWER_SECONDS):
            raise self._told(Trouble.BUSY, f"all of {_MOST} connections are in use")
        try:
            with self._translated():
                connection = self._living() or self._connected()
                try:
                    if isinstance(connection, Bounded):
                        connection.patience = seconds
                    yield connection
                finally:
                    self._take_back(connection)
        finally:
            self._free.release()

    @contextmanager
    def transaction(self, seconds: float = _ANSWER_SECONDS) -> Iterator[Connection]:
        """All or nothing."""
        with self.lent(seconds) as connection, connection.transaction():
            yield connection

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def __str__(self) -> str:
        return str(self._address)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            found = trouble(error)
            if found is None:
                raise
            raise self._told(found, _first_words(error)) from error

    def _living(self) -> Connection | None:
        while self._idle:
            with suppress(IndexError):  # another thread took the last
                connection = self._idle.pop()
                if _is_quiet(connection):
                    return connection
                connection.close()
        return None

    def _take_back(self, connection: Connection) -> None:
        if not connection.closed:
            self._idle.append(connection)

    def _connected(self) -> Connection:
        words = {
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "kanoa-mlops",
            "target_session_attrs": "read-write" if self._writes else "any",
            **self._address.words(),
        }
        connection = Bounded.connect(**words, autocommit=True)
        try:
            for name, value in self._settings.items():
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        except BaseException:
            connection.close()
            raise
        return connection


class Bounded(psycopg.Connection[Row]):
    """Gives up a server that is silent: one that was frozen, or a network that was cut."""

    patience: float = _ANSWER_SECONDS
    """Seconds."""

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:
        return super().wait(self._until(gen, time.monotonic() + self.patience), *args, **options)

    def _until(self, gen: PQGen[T], end: float) -> PQGen[T]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > end:
                    # Not asked anything more: a rollback would wait as long again.
                    self.close()
                    raise psycopg.OperationalError(f"it said nothing for {self.patience:g} seconds")
                wanted = gen.send(ready)
        except StopIteration as done:
            found: T = done.value
            return found


def _is_quiet(connection: Connection) -> bool:
    """What comes unasked for is a farewell."""
    if connection.closed:
        return False
    ready, _, _ = select.select([connection.fileno()], [], [], 0)
    return not ready


def _first_words(error: psycopg.Error) -> str:
    """The first line, without a full stop."""
    return (str(error) or type(error).__name__).partition("\n")[0].strip().rstrip(".")
