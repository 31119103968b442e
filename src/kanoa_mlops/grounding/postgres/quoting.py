"""Names of others in SQL. psycopg quotes them, but takes a % in one for a placeholder (3.3, 2026-11)."""

from __future__ import annotations

from psycopg import sql


def quoted(*parts: str) -> sql.Composable:
    """Of a column, or of a schema and a table."""
    return _plain(sql.Identifier(*parts))


def quoted_text(given: str) -> sql.Composable:
    return _plain(sql.Literal(given))


def _plain(given: sql.Composable) -> sql.Composable:
    return sql.SQL(given.as_string().replace("%", "%%"))
