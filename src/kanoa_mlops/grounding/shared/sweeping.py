"""What was deleted leaves the disk."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from kanoa_mlops.grounding.postgres.server import Connection

_SMALL = 64 * 2**20
"""Bytes; written anew in about a second, during which the collection is not searched."""


def sweep(connection: Connection, tables: Sequence[str]) -> None:
    """A table that is small is written anew, and its old file removed; a larger one is vacuumed.

    VACUUM alone gives the place of deleted rows free, but their bytes stay there until it is used.
    """
    for table in tables:
        name = sql.Identifier(table)
        ((size,),) = connection.execute("SELECT pg_total_relation_size(to_regclass(%s))", (table,)).fetchall()
        if size is None:  # another removed it meanwhile
            continue
        try:
            full = sql.SQL("VACUUM (FULL) {}" if size <= _SMALL else "VACUUM {}")
            connection.execute(full.format(name))
        except psycopg.errors.LockNotAvailable:
            connection.execute(sql.SQL("VACUUM {}").format(name))
