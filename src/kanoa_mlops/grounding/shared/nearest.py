"""The chunks whose vectors are nearest to that of a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from kanoa_mlops.grounding.postgres.server import Connection
from kanoa_mlops.grounding.shared.state import State
from kanoa_mlops.grounding.shared.vectors import EXACT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# With + 0 it is no expression that an index has; the one on `document` is left to exact searches alike.
_EXACT = "SELECT {found} FROM {vectors} ORDER BY (vector <#> %(near)s::halfvec) + 0 LIMIT %(count)s"
_EXACT_OF = (
    "SELECT {found} FROM {vectors} WHERE document = ANY(%(allowed)s) "
    "ORDER BY (vector <#> %(near)s::halfvec) + 0 LIMIT %(count)s"
)
_INDEXED = "SELECT {found} FROM {vectors} ORDER BY vector <#> %(near)s::halfvec LIMIT %(count)s"
_INDEXED_OF = (
    "SELECT {found} FROM {vectors} WHERE document + 0 = ANY(%(allowed)s) "
    "ORDER BY vector <#> %(near)s::halfvec LIMIT %(count)s"
)
_FOUND = sql.SQL("chunk, -(vector <#> %(near)s::halfvec) AS cosine")
_AND_OF = "({nearest}) UNION ALL SELECT {found} FROM {vectors} WHERE chunk = ANY(%(also)s::int[])"

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
    cosines: dict[int, float]
    """Of the nearest chunks, and of those that were asked for beside them."""
    farthest: float
    """The cosine that no other is above."""
    are_more: bool
    """Whether there is any other."""


def nearest(
    connection: Connection,
    state: State,
    near: str,
    count: int,
    allowed: Allowed | None,
    also: NDArray[np.int64],
) -> Nearest:
    """
    Args:
        also: chunks whose likeness is wanted in any case.
    """
    total = state.embedded if allowed is None else allowed.embedded
    values: dict[str, object] = {"near": near, "count": count, "also": also.tolist()}
    if allowed is not None:
        values["allowed"] = allowed.documents.tolist()
    few = min(count, total)
    rows: list[tuple[int, float]] = []
    if total > EXACT:
        rows = _ask(connection, state, _INDEXED if allowed is None else _INDEXED_OF, values)
    if len(rows) < few + len(also):
        rows = _ask(connection, state, _EXACT if allowed is None else _EXACT_OF, values)
    farthest = min((cosine for _, cosine in rows[:few]), default=0.0)
    return Nearest(dict(rows), farthest, count < total)


def _ask(
    connection: Connection, state: State, question: LiteralString, values: dict[str, object]
) -> list[tuple[int, float]]:
    first = state.tables.query(question, found=_FOUND)
    both = state.tables.query(_AND_OF, nearest=first, found=_FOUND)
    return connection.execute(both, values, binary=True).fetchall()
