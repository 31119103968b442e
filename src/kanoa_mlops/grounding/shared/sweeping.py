"""What was deleted leaves the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from kanoa_mlops.postgres import Connection

_SMALL = 64 * 2**20
"""Bytes; written anew in about a second, during which the collection is not searched."""
_SET = "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)"
_GET = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
_LOOK = """
    SELECT pg_total_relation_size(kept.oid), EXISTS (
        SELECT FROM pg_index JOIN pg_class AS found ON found.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
        WHERE indrelid = kept.oid AND amname = 'hnsw'
    ) FROM pg_class AS kept WHERE kept.oid = to_regclass(%s)
"""


def sweep(connection: Connection, tables: Sequence[str]) -> None:
    """A table that is small is written anew, and its old file removed; a larger one is vacuumed.

    VACUUM alone gives the place of deleted rows free, but their bytes stay there until it is used.
    """
    with _hasty(connection):
        for table in tables:
            with suppress(psycopg.errors.UndefinedTable):  # another removed it meanwhile
                _sweep(connection, table)


def _sweep(connection: Connection, table: str) -> None:
    name = sql.Identifier(table)
    for size, is_indexed in connection.execute(_LOOK, (table,)).fetchall():
        # To make an index of vectors anew takes a hundred times as long.
        if size <= _SMALL and not is_indexed:
            with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
                connection.execute(sql.SQL("VACUUM (FULL) {}").format(name))
                return
        connection.execute(sql.SQL("VACUUM {}").format(name))


@contextmanager
def _hasty(connection: Connection) -> Iterator[None]:
    """Whoever searches waits behind it, so it does not wait long itself."""
    before = connection.execute(_GET).fetchall()[0]
    connection.execute(_SET, ("500ms", "120s"))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(_SET, before)
