"""Connections to one Postgres, lent to one thread at a time, and its troubles in words."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import psycopg

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.postgres import (
    ANSWER_SECONDS,
    Address,
    Bounded,
    Connection,
    Trouble,
    connected,
    first_words,
    trouble,
)

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
        self._idle: list[Bounded] = []
        self._free = threading.Semaphore(_MOST)

    @contextmanager
    def lent(self, seconds: float = ANSWER_SECONDS) -> Iterator[Connection]:
        """One in autocommit. What Postgres raises inside becomes an error of ours; a mistake in SQL stays.

        Args:
            seconds: for which the server may be silent.
        """
        if not self._free.acquire(timeout=ANSWER_SECONDS):
            raise self._told(Trouble.BUSY, f"all of {_MOST} connections are in use")
        try:
            with self._translated():
                connection = self._living() or connected(self._address, self._settings, writes=self._writes)
                try:
                    connection.patience = seconds
                    yield connection
                finally:
                    self._take_back(connection)
        finally:
            self._free.release()

    @contextmanager
    def transaction(self, seconds: float = ANSWER_SECONDS) -> Iterator[Connection]:
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
            raise self._told(found, first_words(error)) from error

    def _living(self) -> Bounded | None:
        while self._idle:
            with suppress(IndexError):  # another thread took the last
                connection = self._idle.pop()
                if _is_quiet(connection):
                    return connection
                connection.close()
        return None

    def _take_back(self, connection: Bounded) -> None:
        if not connection.closed:
            self._idle.append(connection)


def _is_quiet(connection: Connection) -> bool:
    """What comes unasked for is a farewell."""
    if connection.closed:
        return False
    ready, _, _ = select.select([connection.fileno()], [], [], 0)
    return not ready
