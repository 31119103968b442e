"""What was deleted leaves the disk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import psycopg
from psycopg import sql

from kanoa_mlops.grounding.postgres.server import Connection

_SMALL = 64 * 2**20
"""Bytes; written anew in about a second, during which the collection is not searched."""
_SET = "SELECT set_config('lock_timeout', %s, false)"


def sweep(connection: Connection, tables: Sequence[str]) -> None:
    """A table that is small is written anew, and its old file removed; a larger one is vacuumed.

    VACUUM alone gives the place of deleted rows free, but their bytes stay there until it is used.
    """
    ((patience,),) = connection.execute("SELECT current_setting('lock_timeout')").fetchall()
    try:
        # Whoever searches waits behind it, so it does not wait long itself.
        connection.execute(_SET, ("500ms",))
        for table in tables:
            _sweep(connection, table)
    finally:
        connection.execute(_SET, (patience,))


def _sweep(connection: Connection, table: str) -> None:
    name = sql.Identifier(table)
    ((size,),) = connection.execute("SELECT pg_total_relation_size(to_regclass(%s))", (table,)).fetchall()
    with suppress(psycopg.errors.UndefinedTable):  # another removed it meanwhile
        if size is not None and size <= _SMALL:
            with suppress(psycopg.errors.LockNotAvailable):
                connection.execute(sql.SQL("VACUUM (FULL) {}").format(name))
                return
        connection.execute(sql.SQL("VACUUM {}").format(name))
