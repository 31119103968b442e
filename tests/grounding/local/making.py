"""Collections, documents and vectors, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.archive import Collection
from kanoa_mlops.grounding.filters import Attributes
from kanoa_mlops.grounding.local import LocalArchive
from kanoa_mlops.grounding.types import Chunk, Document, Passage, Space

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

PAPERS = "vs_000000000000000000000001"
NOTES = "vs_000000000000000000000002"
SPACE = Space("tiny", 4)


def collection(id: str = PAPERS, name: str = "papers", **more: object) -> Collection:
    return Collection(id, name, **more)  # type: ignore[arg-type]


def document(
    source: str, *texts: str, title: str = "", attributes: Attributes | None = None, file_id: str = ""
) -> Document:
    chunks = tuple(Chunk(f"{source}#{at}", text) for at, text in enumerate(texts))
    return Document(source, title, "0" * 64, chunks, attributes or {}, file_id)


def found(passages: Sequence[Passage]) -> list[str]:
    return [passage.chunk_id for passage in passages]


def embed(
    archive: LocalArchive, ids: Sequence[str], rows: Sequence[Sequence[float]], to: str = PAPERS
) -> None:
    archive.embed(to, SPACE, ids, unit(rows))


def unit(rows: Sequence[Sequence[float]] | Sequence[float]) -> Vectors:
    vectors = np.array(rows, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return unit
