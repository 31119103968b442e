"""Collections, documents and files as rows."""

from __future__ import annotations

import json
import math
from typing import Any

from kanoa_mlops.errors import NameTaken, UnknownCollection, UnknownFile
from kanoa_mlops.grounding.archive import Collection, File, Held
from kanoa_mlops.grounding.types import Chunk, Document, Space

COLLECTION_COLUMNS = (
    "id, name, owner, readers, folder, shareable, model, dimensions, attributes, created_at, used_at, "
    "expires_days"
)
DOCUMENT_COLUMNS = (
    "collection, revision, source, title, digest, file_id, path, bytes, modified, reader, attributes, "
    "added_at, chunks, embedded, text_bytes"
)
HELD_COLUMNS = (
    "source, title, digest, file_id, path, bytes, modified, reader, chunks, embedded, attributes, added_at"
)
CHUNK_COLUMNS = "id, text, page, heading, kind"
FILE_COLUMNS = "id, owner, filename, purpose, bytes, created_at"

PLACES = 2**20
"""In a document, for chunks."""


def named(name: str) -> bytes:
    """As it is kept: a name of a file may have what no UTF-8 has."""
    return name.encode("utf-8", "surrogatepass")


def name_of(kept: bytes) -> str:
    return kept.decode("utf-8", "surrogatepass")


def clean(text: str) -> str:
    """Without halves of letters, that SQLite does not take."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def row_of_collection(collection: Collection) -> tuple[object, ...]:
    space = collection.space
    return (
        collection.id,
        clean(collection.name),
        collection.owner,
        json.dumps(sorted(collection.readers)),
        named(collection.folder),
        collection.shareable,
        space.model if space else None,
        space.dimensions if space else None,
        json.dumps(dict(collection.attributes)),
        collection.created_at,
        collection.used_at,
        collection.expires_days,
    )


def collection_of(row: tuple[Any, ...]) -> Collection:
    id, name, owner, readers, folder, shareable, model, dimensions, attributes, created, used, days = row
    return Collection(
        id,
        name,
        owner,
        frozenset(json.loads(readers)),
        name_of(folder),
        bool(shareable),
        space_of(model, dimensions),
        json.loads(attributes),
        created,
        used,
        days,
    )


def space_of(model: str | None, dimensions: int | None) -> Space | None:
    return None if model is None or dimensions is None else Space(model, dimensions)


def row_of_document(document: Document, collection: int, revision: int, now: float) -> tuple[object, ...]:
    return (
        collection,
        revision,
        named(document.source),
        clean(document.title),
        document.digest,
        document.file_id,
        named(document.path),
        document.bytes,
        document.modified if math.isfinite(document.modified) else 0.0,
        clean(document.reader),
        json.dumps(dict(document.attributes)),
        now,
        len(document.chunks),
        0,
        sum(len(clean(chunk.text).encode()) for chunk in document.chunks),
    )


def held_of(row: tuple[Any, ...]) -> Held:
    source, title, digest, file_id, path, size, modified, reader, chunks, embedded, attributes, added_at = row
    return Held(
        name_of(source),
        title,
        digest,
        file_id,
        name_of(path),
        size,
        modified,
        reader,
        chunks,
        embedded,
        json.loads(attributes),
        added_at,
    )


def row_of_chunk(number: int, chunk: Chunk) -> tuple[object, ...]:
    return (number, clean(chunk.id), clean(chunk.text), chunk.page, clean(chunk.heading), chunk.kind)


def row_of_file(file: File) -> tuple[object, ...]:
    return (file.id, file.owner, named(file.filename), file.purpose, file.bytes, file.created_at)


def file_of(row: tuple[Any, ...]) -> File:
    id, owner, filename, *rest = row
    return File(id, owner, name_of(filename), *rest)


def first_place(document: int) -> int:
    """The number of its first chunk."""
    return document * PLACES


def last_place(document: int) -> int:
    return document * PLACES + PLACES - 1


def name_taken(name: str) -> NameTaken:
    return NameTaken(
        f"There is a collection called {name!r} already.",
        hint="Choose another name, or remove that one: `kanoa-mlops ground list`.",
    )


def unknown_collection(collection_id: str) -> UnknownCollection:
    return UnknownCollection(
        f"There is no collection {collection_id!r}.", hint="`kanoa-mlops ground list` shows all."
    )


def unknown_file(file_id: str) -> UnknownFile:
    return UnknownFile(f"There is no file {file_id!r}.", hint="GET /v1/files shows all of the key's.")
