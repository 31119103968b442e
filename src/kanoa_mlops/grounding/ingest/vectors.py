"""Vectors for what has none yet."""

from __future__ import annotations

from collections.abc import Callable

from kanoa_mlops.grounding.archive import Archive
from kanoa_mlops.grounding.embedded_text import embedded_text
from kanoa_mlops.grounding.types import Embedder

_AT_ONCE = 32  # texts in a request: what is done is kept when the next one fails

EmbeddingProgress = Callable[[int, int], None]
"""Of how many chunks are embedded, and of how many."""


def embed_missing(
    archive: Archive, collection_id: str, embedder: Embedder, progress: EmbeddingProgress | None = None
) -> int:
    """How many were embedded. What is done is kept, whatever comes after; the next call goes on there.

    Raises:
        RetrieverFailed: the model was not reached, or refused.
        OtherSpace: the collection's vectors are of another model.
    """
    stats = archive.stats(collection_id)
    done, already = 0, stats.embedded
    for lot in archive.unembedded(collection_id, embedder.space):
        for start in range(0, len(lot), _AT_ONCE):
            some = lot[start : start + _AT_ONCE]
            vectors = embedder.documents([embedded_text(chunk.heading, chunk.text) for chunk in some])
            archive.embed(collection_id, embedder.space, [chunk.id for chunk in some], vectors)
            done += len(some)
            if progress is not None:
                progress(already + done, max(stats.chunks, already + done))
    return done
