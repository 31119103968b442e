"""pgvector: whether it is there, and where."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psycopg

from kanoa_mlops.postgres import Connection

_OLDEST = (0, 8)
"""The first with `hnsw.iterative_scan`:
https://github.com/pgvector/pgvector/blob/master/CHANGELOG.md (2024-10)."""
_FIND = (
    "SELECT nspname, extversion FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace "
    "WHERE extname = 'vector'"
)


@dataclass(frozen=True)
class Extension:
    schema: str = ""
    """Where its types and operators are."""
    lacking: str = ""
    """Why there can be no vectors; empty where there can."""


def extension(connection: Connection) -> Extension:
    """Made, if the server has it and its user may."""
    found = connection.execute(_FIND).fetchone()
    if found is None:
        # Several gateways may do so at once, or this one may not: what is there afterwards is what counts.
        with suppress(psycopg.Error):
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        found = connection.execute(_FIND).fetchone()
    if found is None:
        return Extension(lacking="it lacks the extension vector (pgvector)")
    schema, version = found
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        return Extension(lacking=f"its extension vector is {version}, and 0.8 is the oldest that will do")
    return Extension(schema)
