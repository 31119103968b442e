"""One list out of several, by rank: scores of two providers cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kanoa_mlops.grounding.types import Passage

_DAMPING = 60
"""Cormack, Clarke and Büttcher, SIGIR 2009: 60 serves where nothing is known of the lists."""


def merged(lists: Iterable[Sequence[Passage]], k: int) -> tuple[Passage, ...]:
    """At most `k`, the best first. A passage that several lists have is there once, as the first has it."""
    worth: dict[tuple[str, str, str], float] = {}
    passages: dict[tuple[str, str, str], Passage] = {}
    for each in lists:
        for rank, passage in enumerate(each, 1):
            key = _key(passage)
            passages.setdefault(key, passage)
            worth[key] = worth.get(key, 0.0) + 1 / (_DAMPING + rank)
    best = sorted(worth, key=lambda key: worth[key], reverse=True)
    return tuple(passages[key] for key in best[:k])


def _key(passage: Passage) -> tuple[str, str, str]:
    # Ids of chunks are of their document; of a provider that gives none, the text tells them apart.
    return passage.store, passage.source, passage.chunk_id or passage.text
