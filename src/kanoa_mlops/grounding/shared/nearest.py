"""The chunks whose vectors are nearest to that of a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from kanoa_mlops.grounding.shared.state import State
from kanoa_mlops.grounding.shared.vectors import EXACT, listed
from kanoa_mlops.postgres import Connection, Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# With + 0 it is no expression that an index has; the one on `document` is left to exact searches alike.
_EXACT = "SELECT {found}, TRUE FROM {vectors} ORDER BY (vector <#> %(near)s::halfvec) + 0 LIMIT %(count)s"
_EXACT_OF = (
    "SELECT {found}, TRUE FROM {vectors} WHERE document = ANY(%(allowed)s::int[]) "
    "ORDER BY (vector <#> %(near)s::halfvec) + 0 LIMIT %(count)s"
)
_INDEXED = "SELECT {found}, TRUE FROM {vectors} ORDER BY vector <#> %(near)s::halfvec LIMIT %(count)s"
_INDEXED_OF = (
    "SELECT {found}, TRUE FROM {vectors} WHERE document + 0 = ANY(%(allowed)s::int[]) "
    "ORDER BY vector <#> %(near)s::halfvec LIMIT %(count)s"
)
_FOUND = sql.SQL("chunk, -(vector <#> %(near)s::halfvec)")
_OF = "SELECT {found}, FALSE FROM {vectors} WHERE chunk = ANY(%(also)s::int[])"
_REACH = "SELECT set_config('hnsw.ef_search', %s, true)"

_EXACT_OF_MOST = 10_000
"""So many that pass a filter are compared one by one: an index must look at all that do not pass as well."""
_LONGEST_EXACT = 50_000
"""Or so many, where fewer pass than an index looks at in one go; on two cores about 50 ms."""
_LONGEST_REACH = 1000
"""pgvector's own limit of `hnsw.ef_search`."""

_USUAL_REACH = 100
SETTINGS = {
    "hnsw.ef_search": str(_USUAL_REACH),
    # In strict order it leaves out what it finds late, however near it is.
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.max_scan_tuples": "50000",
    "hnsw.scan_mem_multiplier": "4",
    # For one question of milliseconds these take longer than they save.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # As on a disk that does not turn, or in memory; or few rows are sought by reading all documents.
    "random_page_cost": "1.1",
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
    values: dict[str, object] = {"near": near, "count": count, "also": listed(also)}
    if allowed is not None:
        values["allowed"] = listed(allowed.documents)
    rows: list[Row] = []
    if reach := _reach(total, state.embedded, count):
        rows = _ask(connection, state, _INDEXED if allowed is None else _INDEXED_OF, values, reach)
    if sum(is_near for *_, is_near in rows) < min(count, total):
        rows = _ask(connection, state, _EXACT if allowed is None else _EXACT_OF, values)
    farthest = min((cosine for _, cosine, is_near in rows if is_near), default=0.0)
    return Nearest({chunk: cosine for chunk, cosine, _ in rows}, farthest, count < total)


def likeness(connection: Connection, state: State, near: str, chunks: NDArray[np.int64]) -> dict[int, float]:
    """Cosines of those of them that have a vector."""
    question = state.tables.query(_OF, found=_FOUND)
    rows = connection.execute(question, {"near": near, "also": listed(chunks)}, binary=True).fetchall()
    return {chunk: cosine for chunk, cosine, _ in rows}


def _reach(passing: int, of: int, count: int) -> int:
    """How many vectors an index is to look at for enough to pass; 0: compare them one by one."""
    if of <= EXACT:
        return 0
    if passing == of:
        return max(_USUAL_REACH, count)
    needed = round(1.5 * count * of / max(passing, 1))
    if passing <= (_EXACT_OF_MOST if needed <= _LONGEST_REACH else _LONGEST_EXACT):
        return 0
    return min(max(_USUAL_REACH, needed), _LONGEST_REACH)


def _ask(
    connection: Connection, state: State, question: LiteralString, values: dict[str, object], reach: int = 0
) -> list[Row]:
    both = sql.SQL("({}) UNION ALL {}").format(
        state.tables.query(question, found=_FOUND), state.tables.query(_OF, found=_FOUND)
    )
    if reach in (0, _USUAL_REACH):
        return connection.execute(both, values, binary=True).fetchall()
    # All in one packet.
    with connection.pipeline(), connection.transaction():
        connection.execute(_REACH, (str(min(reach, _LONGEST_REACH)),))
        return connection.execute(both, values, binary=True).fetchall()
