"""What is known of a collection when something is done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from kanoa_mlops.grounding.local.rows import space_of, unknown_collection
from kanoa_mlops.grounding.shared.tables import Tables
from kanoa_mlops.grounding.types import Space
from kanoa_mlops.postgres import Connection

_FIND = (
    "SELECT number, model, dimensions, next_chunk, segments, chunks, embedded, terms, middle "
    "FROM collections WHERE id = %s"
)


@dataclass(frozen=True)
class State:
    number: int
    model: str | None
    dimensions: int | None
    next_chunk: int
    segments: Sequence[int]
    chunks: int
    embedded: int
    terms: int
    middle: bytes

    @property
    def space(self) -> Space | None:
        return space_of(self.model, self.dimensions)

    @cached_property
    def tables(self) -> Tables:
        return Tables(self.number)


def look(connection: Connection, collection_id: str) -> State:
    """
    Raises:
        UnknownCollection: there is none.
    """
    return _state(connection, collection_id, _FIND)


def hold(connection: Connection, collection_id: str) -> State:
    """Until the end of the transaction nobody else changes what it holds.

    Raises:
        UnknownCollection: there is none.
    """
    return _state(connection, collection_id, _FIND + " FOR UPDATE")


def _state(connection: Connection, collection_id: str, question: str) -> State:
    row = connection.execute(question.encode(), (collection_id,)).fetchone()
    if row is None:
        raise unknown_collection(collection_id)
    return State(*row)
