"""The passages of the chunks that were found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from kanoa_mlops.grounding.local.rows import PLACES, name_of
from kanoa_mlops.grounding.types import Passage

_PASSAGE = (
    "SELECT text, source, chunks.id, title, page, heading, file_id, attributes "
    f"FROM chunks JOIN documents ON documents.number = chunks.number / {PLACES} WHERE chunks.number = ?"
)


def passages(connection: sqlite3.Connection, found: Sequence[tuple[int, float]]) -> list[Passage]:
    return [
        _passage(connection.execute(_PASSAGE, (number,)).fetchone(), min(score, 1.0))
        for number, score in found
    ]


def _passage(row: tuple[Any, ...], score: float) -> Passage:
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
