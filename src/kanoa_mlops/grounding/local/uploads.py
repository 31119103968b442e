"""Files that were uploaded, as rows: within a transaction of whoever calls."""

from __future__ import annotations

import sqlite3

from kanoa_mlops.grounding.archive import File
from kanoa_mlops.grounding.local.rows import FILE_COLUMNS, file_of, row_of_file, unknown_file

_ADD = f"INSERT INTO files ({FILE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
_FILES = f"SELECT {FILE_COLUMNS} FROM files ORDER BY created_at, id"


def add(connection: sqlite3.Connection, file: File, content: bytes) -> None:
    connection.execute(_ADD, row_of_file(file))
    connection.execute("INSERT INTO contents VALUES (?, ?)", (file.id, content))


def files(connection: sqlite3.Connection) -> list[File]:
    return [file_of(row) for row in connection.execute(_FILES)]


def content(connection: sqlite3.Connection, file_id: str) -> bytes:
    row = connection.execute("SELECT content FROM contents WHERE file = ?", (file_id,)).fetchone()
    if row is None:
        raise unknown_file(file_id)
    return bytes(row[0])


def remove(connection: sqlite3.Connection, file_id: str) -> None:
    if not connection.execute("DELETE FROM files WHERE id = ?", (file_id,)).rowcount:
        raise unknown_file(file_id)
    connection.execute("DELETE FROM contents WHERE file = ?", (file_id,))
