"""Files that were uploaded."""

from __future__ import annotations

from kanoa_mlops.grounding.archive import File
from kanoa_mlops.grounding.local.rows import FILE_COLUMNS, file_of, row_of_file, unknown_file
from kanoa_mlops.postgres import Connection

_ADD = f"INSERT INTO files ({FILE_COLUMNS}, content) VALUES (%s, %s, %s, %s, %s, %s, %s)"
_FILES = f"SELECT {FILE_COLUMNS} FROM files ORDER BY created_at, id"


def add(connection: Connection, file: File, content: bytes) -> None:
    connection.execute(_ADD, (*row_of_file(file), content))


def files(connection: Connection) -> list[File]:
    return [file_of(row) for row in connection.execute(_FILES).fetchall()]


def content(connection: Connection, file_id: str) -> bytes:
    row = connection.execute("SELECT content FROM files WHERE id = %s", (file_id,), binary=True).fetchone()
    if row is None:
        raise unknown_file(file_id)
    return bytes(row[0])


def remove(connection: Connection, file_id: str) -> None:
    if not connection.execute("DELETE FROM files WHERE id = %s", (file_id,)).rowcount:
        raise unknown_file(file_id)
