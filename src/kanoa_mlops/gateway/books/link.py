"""A connection to Postgres that comes back, and whose errors are put into the books' words."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import psycopg

from kanoa_mlops import postgres
from kanoa_mlops.errors import BooksBusy, BooksUnusable, KanoaError
from kanoa_mlops.postgres import Connection, Row, Trouble, connected, first_words, in_words, trouble

SCHEMA = "kanoa_mlops"
"""In which all tables are, so that the database may hold other things."""
_STATEMENT_SECONDS = 10
"""The server ends what takes longer."""


@dataclass(frozen=True)
class Address(postgres.Address):
    """Where the books are."""

    whose: ClassVar[str] = "the gateway's database"
    password_hint: ClassVar[str] = "Set KANOA_MLOPS_BOOKS_PASSWORD_FILE to a file whose first line it is."


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
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
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
    def transaction(self) -> Iterator[Connection]:
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

    def _connected(self) -> Connection:
        settings = {
            "search_path": SCHEMA,
            "lock_timeout": f"{max(1, round(1000 * self._patience))}ms",
            "statement_timeout": f"{_STATEMENT_SECONDS}s",
            "idle_in_transaction_session_timeout": f"{_STATEMENT_SECONDS}s",
        }
        return connected(self._address, settings, writes=True)

    def _translate(self, error: psycopg.Error) -> KanoaError | None:
        found = trouble(error)
        if found is None:
            return None
        if found is Trouble.BUSY:
            return BooksBusy(
                f"{self._name} is held by another process.", hint="Try again, or end what holds it."
            )
        return in_words(
            found,
            self._name,
            first_words(error),
            unusable=BooksUnusable,
            busy=BooksBusy,
            setting="KANOA_MLOPS_BOOKS",
        )
