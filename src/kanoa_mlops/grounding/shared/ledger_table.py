"""A ledger in the Postgres of the collections, for the gateways that share them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from kanoa_mlops.errors import ArchiveBusy, ArchiveUnusable, DiskFull
from kanoa_mlops.grounding.library.ledger_place import Done, Execute
from kanoa_mlops.grounding.postgres.server import Server
from kanoa_mlops.grounding.shared.schema import SCHEMA, migrate
from kanoa_mlops.grounding.shared.sweeping import sweep
from kanoa_mlops.grounding.shared.told import told
from kanoa_mlops.postgres import Address, Connection

_NAMED = re.compile(r":(\w+)")
_NOW = "extract(epoch FROM clock_timestamp())::double precision"
_SETTINGS = {
    "search_path": SCHEMA,
    "lock_timeout": "10s",
    "statement_timeout": "20s",
    "idle_in_transaction_session_timeout": "60s",
}


class LedgerTable:
    """A `LedgerPlace` for all threads of a process, and for any number of gateways at once."""

    def __init__(self, url: str, password_file: Path | None = None) -> None:
        """
        Args:
            url: postgresql://user@host:5432/database.
            password_file: its first line is the password, read again at each new connection.

        Raises:
            SettingsError: no address.
            ArchiveUnusable: no right to write it, damaged, or written by a newer version.
            ArchiveBusy: it is not reached, or others held it for longer.
            DiskFull: there is no room for it.
        """
        address = Address(url, password_file)
        name = f"The list of attached files, in the {address},"
        self._server = Server(address, settings=_SETTINGS, told=partial(told, name), writes=True)
        try:
            with self._server.lent() as connection:
                migrate(connection, name)
        except BaseException:
            self._server.close()
            raise

    def rows(self, sql: str, **values: object) -> Sequence[tuple[Any, ...]]:
        with self._server.lent() as connection:
            return _execute(connection, sql, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[Execute]:
        with self._server.transaction() as connection:
            yield partial(_execute, connection)

    def forgotten(self) -> None:
        # What was asked for is done. What is left to sweep, Postgres itself does later.
        with suppress(ArchiveBusy, ArchiveUnusable, DiskFull), self._server.lent() as connection:
            sweep(connection, ("attachments", "batches"))

    def close(self) -> None:
        self._server.close()


def _execute(connection: Connection, sql: str, values: Mapping[str, object]) -> Done:
    return connection.execute(_NAMED.sub(_value, sql).encode(), values)


def _value(found: re.Match[str]) -> str:
    # The server's clock alone: those of the machines differ, and a claim must not lapse for that.
    return _NOW if found[1] == "now" else f"%({found[1]})s"
