"""The chunks whose vectors are nearest to that of a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kanoa_mlops.grounding.postgres.server import Connection
from kanoa_mlops.grounding.shared.state import State
from kanoa_mlops.grounding.shared.vectors import EXACT

if TYPE_CHECKING:
    from numpy.typing import NDArray

# With + 0 it is no expression that an index has; the one on `document` is left to exact searches alike.
_EXACT = (
    "SELECT chunk, -(vector <#> %(near)s::halfvec) FROM {vectors} "
    "ORDER BY (vector <#> %(near)s::halfvec) + 0 LIMIT %(count)s"
)
_EXACT_OF = (
    "SELECT chunk, -(vector <#> %(near)s::halfvec) FROM {vectors} WHERE document = ANY(%(allowed)s) "
    "ORDER BY (vector <#> %(near)s::halfvec) + 0 LIMIT %(count)s"
)
_INDEXED = (
    "SELECT chunk, -(vector <#> %(near)s::halfvec) FROM {vectors} "
    "ORDER BY vector <#> %(near)s::halfvec LIMIT %(count)s"
)
_INDEXED_OF = (
    "SELECT chunk, -(vector <#> %(near)s::halfvec) FROM {vectors} WHERE document + 0 = ANY(%(allowed)s) "
    "ORDER BY vector <#> %(near)s::halfvec LIMIT %(count)s"
)
_LIKENESS = "SELECT chunk, -(vector <#> %s::halfvec) FROM {vectors} WHERE chunk = ANY(%s::int[])"

SETTINGS = {
    "hnsw.ef_search": "100",
    "hnsw.iterative_scan": "strict_order",
    "hnsw.max_scan_tuples": "50000",
    "hnsw.scan_mem_multiplier": "4",
    # For one question of milliseconds these take longer than they save.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
"""Of the connection. How far an index is searched when a filter lets few through:
https://github.com/pgvector/pgvector#iterative-index-scans (0.8)."""


@dataclass(frozen=True)
class Allowed:
    """Documents that pass a filter."""

    documents: NDArray[np.int64]
    embedded: int
    """Of their chunks."""


@dataclass(frozen=True)
class Nearest:
    chunks: NDArray[np.int64]
    likeness: NDArray[np.float64]
    """Cosine, the highest first."""
    is_all: bool
    """Whether no other has a vector."""


def nearest(connection: Connection, state: State, near: str, count: int, allowed: Allowed | None) -> Nearest:
    total = state.embedded if allowed is None else allowed.embedded
    values = {
        "near": near,
        "count": count,
        "allowed": None if allowed is None else allowed.documents.tolist(),
    }
    rows: list[tuple[int, float]] = []
    if total > EXACT:
        question = _INDEXED if allowed is None else _INDEXED_OF
        rows = connection.execute(state.tables.query(question), values, binary=True).fetchall()
    if len(rows) < min(count, total):
        question = _EXACT if allowed is None else _EXACT_OF
        rows = connection.execute(state.tables.query(question), values, binary=True).fetchall()
    chunks, likeness = _columns(rows)
    return Nearest(chunks, likeness, len(rows) < count)


def likeness(connection: Connection, state: State, near: str, chunks: NDArray[np.int64]) -> dict[int, float]:
    """Of those of them that have a vector."""
    rows = connection.execute(state.tables.query(_LIKENESS), (near, chunks.tolist()), binary=True).fetchall()
    return dict(rows)


def _columns(rows: list[tuple[int, float]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    chunks = np.array([chunk for chunk, _ in rows], np.int64)
    return chunks, np.array([found for _, found in rows], np.float64)
