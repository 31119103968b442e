"""Of which type a column of vectors is."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.postgres import Connection

_FIND = (
    "SELECT nspname, typname, atttypmod FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid "
    "JOIN pg_namespace ON pg_namespace.oid = typnamespace "
    "WHERE attrelid = to_regclass(%s) AND attname = %s AND typname IN ('vector', 'halfvec')"
)


@dataclass(frozen=True)
class Column:
    schema: str
    """That pgvector is installed in."""
    type: str
    dimensions: int | None
    """None where any will do."""


def column(connection: Connection, table: str, name: str) -> Column | None:
    """None where there is no such column of vectors.

    Args:
        table: quoted, as in SQL.
    """
    row = connection.execute(_FIND, (table, name)).fetchone()
    if row is None:
        return None
    schema, kind, dimensions = row
    return Column(schema, kind, dimensions if dimensions > 0 else None)
