"""The passages of the chunks that were found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from kanoa_mlops.grounding.local.rows import PLACES, name_of
from kanoa_mlops.grounding.types import Passage

_PASSAGES = (
    "SELECT chunks.number, text, source, chunks.id, title, page, heading, file_id, attributes "
    f"FROM chunks JOIN documents ON documents.number = chunks.number / {PLACES} WHERE chunks.number IN "
)
_AT_ONCE = 500


def passages(connection: sqlite3.Connection, found: Sequence[tuple[int, float]]) -> list[Passage]:
    rows: dict[int, list[Any]] = {}
    for start in range(0, len(found), _AT_ONCE):
        numbers = [number for number, _ in found[start : start + _AT_ONCE]]
        sql = f"{_PASSAGES} ({', '.join('?' * len(numbers))})"
        rows |= {number: row for number, *row in connection.execute(sql, numbers)}
    return [_passage(rows[number], min(score, 1.0)) for number, score in found]


def _passage(row: Sequence[Any], score: float) -> Passage:
    text, source, id, title, page, heading, file_id, attributes = row
    return Passage(
        text,
        name_of(source),
        score,
        id,
        title,
        page,
        heading,
        file_id,
        attributes=json.loads(attributes),
    )
