"""Collections and documents for tests."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.filters import Attributes
from kanoa_mlops.grounding.types import Chunk, Document, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

SPACE = Space("some-model", 8)


def collection(name: str = "papers", **more: object) -> Collection:
    return Collection("vs_" + secrets.token_hex(12), name, **more)  # type: ignore[arg-type]


def document(
    source: str, *texts: str, attributes: Attributes | None = None, title: str = "", heading: str = ""
) -> Document:
    chunks = tuple(
        Chunk(
            hashlib.sha256(f"{source}\n{place}\n{text}".encode()).hexdigest()[:16], text, place + 1, heading
        )
        for place, text in enumerate(texts)
    )
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    return Document(source, title, digest, chunks, attributes or {})


def vector(text: str, space: Space = SPACE) -> Vectors:
    """Of length 1, the same for the same text."""
    numbers = np.random.default_rng(list(text.encode())).normal(size=space.dimensions)
    return (numbers / np.linalg.norm(numbers)).astype(np.float32)


def embed_all(archive: Archive, collection_id: str, space: Space = SPACE) -> int:
    """How many there were to embed."""
    count = 0
    for lot in archive.unembedded(collection_id, space):
        vectors = np.stack([vector(chunk.text, space) for chunk in lot])
        archive.embed(collection_id, space, [chunk.id for chunk in lot], vectors)
        count += len(lot)
    return count


def put_all(archive: Archive, collection_id: str, documents: Iterable[Document]) -> None:
    for each in documents:
        archive.put(collection_id, each)
