"""Where books may be kept: each law about them is held against both kinds."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg

from kanoa_mlops.gateway.books.link import Address
from kanoa_mlops.gateway.books.postgres import PostgresStore
from kanoa_mlops.gateway.books.sqlite import SqliteStore

Stored = SqliteStore | PostgresStore

NO_TABLE = (sqlite3.OperationalError, psycopg.errors.UndefinedTable)


def opened(where: str, *, patience: float = 5.0) -> Stored:
    """As another process would, from an address or the path of a file."""
    if where.startswith("postgresql://"):
        return PostgresStore(Address(where), patience=patience)
    return SqliteStore(Path(where), patience=patience)


def execute(store: Stored, sql: str) -> list[tuple[Any, ...]]:
    """Beside the store's own, on its connection."""
    if isinstance(store, SqliteStore):
        return store._connection.execute(sql).fetchall()
    cursor = store._link.connection.execute(sql)
    return cursor.fetchall() if cursor.description else []


def requests(store: Stored) -> list[str]:
    return [request for (request,) in execute(store, "SELECT request FROM entries ORDER BY number")]


def hold(store: Stored) -> None:
    """Keep all others from writing."""
    if isinstance(store, SqliteStore):
        execute(store, "BEGIN IMMEDIATE")
    else:
        execute(store, "BEGIN")
        execute(store, "UPDATE books SET changes = changes")


def let_go(store: Stored) -> None:
    execute(store, "ROLLBACK")


def are_others(store: Stored) -> bool:
    """Whether the database still works for a process, which may have been killed."""
    if isinstance(store, SqliteStore):
        return False
    sql = "SELECT count(*) > 1 FROM pg_stat_activity WHERE datname = current_database()"
    return bool(execute(store, sql)[0][0])
