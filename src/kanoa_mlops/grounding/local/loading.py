"""A collection out of the file into memory, and later only what changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kanoa_mlops.grounding.local.inverted import Inverted, invert, join
from kanoa_mlops.grounding.local.memory import Memory
from kanoa_mlops.grounding.local.packed import unpack
from kanoa_mlops.grounding.local.rows import PLACES, space_of
from kanoa_mlops.grounding.local.signs import Signs, signs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kanoa_mlops.grounding.types import Vectors

_STATE = "SELECT revision, removals, model, dimensions FROM collections WHERE number = ?"
_LIVING = "SELECT number FROM documents WHERE collection = ?"
_ADDED = (
    "SELECT number, attributes, packed FROM documents JOIN postings ON document = number "
    "WHERE collection = ? AND revision > ? AND number > ? ORDER BY number"
)
_CHANGED = "SELECT number FROM documents WHERE collection = ? AND revision > ?"
_VECTORS = (
    "SELECT chunk, vector FROM documents "
    f"JOIN vectors ON chunk BETWEEN number * {PLACES} AND number * {PLACES} + {PLACES - 1} "
    "WHERE collection = ? AND revision > ? AND embedded > 0"
)
_LOT = 4096
_SPARE = 4
"""One row in so many is kept free for vectors to come."""
_MANY = 8192
"""Fewer vectors are multiplied in a millisecond or two."""

NOTHING = Memory(
    revision=-1,
    removals=0,
    numbers=np.zeros(0, np.int64),
    attributes=(),
    first=np.zeros(1, np.int64),
    lengths=np.zeros(0, np.uint32),
    alive=np.zeros(0, np.bool_),
    inverted=(),
    space=None,
    room=np.zeros((0, 0), np.float32),
    embedded=np.zeros(0, np.bool_),
    signs=None,
)


def brought_up(connection: sqlite3.Connection, collection: int, known: Memory) -> Memory:
    """As it is in the transaction. Nobody else may bring up the same one at the same time."""
    revision, removals, model, dimensions = connection.execute(_STATE, (collection,)).fetchone()
    if revision == known.revision:
        return known
    if removals != known.removals:
        known = _without_removed(known, [row[0] for row in connection.execute(_LIVING, (collection,))])
    since = (collection, known.revision)
    space = space_of(model, dimensions)
    now = _with_added(known, connection.execute(_ADDED, (*since, known.last)).fetchall())
    changed = _places(now, [row[0] for row in connection.execute(_CHANGED, since)])
    room = _room(now, space.dimensions if space else 0, space == known.space)
    embedded = now.embedded & (space == known.space)
    embedded[changed] = False
    signs = known.signs if room is known.room else None
    if space:
        for chunks, rows in _vectors(connection, since, space.dimensions):
            places = now.places(chunks)
            room[places] = rows
            embedded[places] = True
            if signs:
                signs.put(places, rows)
    return replace(
        now,
        revision=revision,
        removals=removals,
        space=space,
        room=room,
        embedded=embedded,
        signs=signs or _signs(room, embedded),
    )


def _without_removed(known: Memory, living: Sequence[int]) -> Memory:
    alive = np.isin(known.numbers, np.array(living, np.int64))[known.of_document]
    if np.count_nonzero(alive) * 2 < len(alive):
        return NOTHING  # and what was there is let go
    if len(known.room):
        known.room[: len(alive)][~alive] = 0
    return replace(known, alive=alive)


def _with_added(known: Memory, rows: Sequence[tuple[Any, ...]]) -> Memory:
    if not rows:
        return known
    documents = [unpack(packed) for _, _, packed in rows]
    counts = [len(each.lengths) // 4 for each in documents]
    added = sum(counts)
    return replace(
        known,
        numbers=np.append(known.numbers, [number for number, _, _ in rows]),
        attributes=(*known.attributes, *(json.loads(attributes) for _, attributes, _ in rows)),
        first=np.append(known.first, known.first[-1] + np.cumsum(counts)),
        lengths=np.append(known.lengths, np.frombuffer(b"".join(each.lengths for each in documents), "<u4")),
        alive=np.append(known.alive, np.ones(added, np.bool_)),
        embedded=np.append(known.embedded, np.zeros(added, np.bool_)),
        inverted=_joined((*known.inverted, invert(documents))),
    )


def _joined(parts: tuple[Inverted, ...]) -> tuple[Inverted, ...]:
    """So that each is less than half as large as the one before: few parts, and each posting moves seldom."""
    while len(parts) > 1 and parts[-1].size * 2 >= parts[-2].size:
        parts = (*parts[:-2], join(parts[-2], parts[-1]))
    return parts


def _places(memory: Memory, documents: Sequence[int]) -> NDArray[np.bool_]:
    return np.isin(memory.numbers, np.array(documents, np.int64))[memory.of_document]


def _room(memory: Memory, dimensions: int, same: bool) -> Vectors:
    """The rows there are, or more of them. Others read the old ones still, and none of the new."""
    count = len(memory.lengths)
    if same and len(memory.room) >= count:
        return memory.room
    room = np.zeros((count + count // _SPARE if dimensions else 0, dimensions), np.float32)
    if same:
        room[: len(memory.room)] = memory.room
    return room


def _signs(room: Vectors, embedded: NDArray[np.bool_]) -> Signs | None:
    count = np.float32(np.count_nonzero(embedded))
    return (
        signs(room, embedded.astype(np.float32) @ room[: len(embedded)] / count) if count >= _MANY else None
    )


def _vectors(connection: sqlite3.Connection, since: tuple[int, int], dimensions: int) -> Any:
    found = connection.execute(_VECTORS, since)
    while lot := found.fetchmany(_LOT):
        rows = np.frombuffer(b"".join(vector for _, vector in lot), "<f4").reshape(-1, dimensions)
        yield np.array([chunk for chunk, _ in lot], np.int64), rows
