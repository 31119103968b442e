"""What a table of pgvector is asked, in a transaction that can only read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, LiteralString

import psycopg
from psycopg import sql

from kanoa_mlops.errors import KanoaError, RetrieverFailed
from kanoa_mlops.grounding.connectors.embedded import other_model
from kanoa_mlops.grounding.connectors.kept import passage
from kanoa_mlops.grounding.connectors.patience import ANSWER_SECONDS
from kanoa_mlops.grounding.connectors.pgvector_column import Column, column
from kanoa_mlops.grounding.connectors.pgvector_layout import Layout, layout
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.postgres.conditions import Condition, condition
from kanoa_mlops.grounding.postgres.quoting import quoted
from kanoa_mlops.grounding.postgres.server import Server
from kanoa_mlops.grounding.types import Embedder, Passage
from kanoa_mlops.postgres import Address, Connection, Row, Trouble

if TYPE_CHECKING:
    from kanoa_mlops.grounding.connectors.pgvector import Pgvector

_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": f"{round(1000 * ANSWER_SECONDS / 2)}ms",
    "lock_timeout": "2s",
    # How far an index is searched when a filter lets few through; pgvector before 0.8 does not look at it.
    "hnsw.iterative_scan": "strict_order",
    "hnsw.max_scan_tuples": "50000",
    "ivfflat.iterative_scan": "relaxed_order",
}
_SELECT = (
    "SELECT {text}, {id}, {attributes}, kanoa_mlops_distance FROM "
    "(SELECT *, {distance} AS kanoa_mlops_distance FROM {table} WHERE {where} "
    "ORDER BY {order} LIMIT %(count)s) AS found ORDER BY kanoa_mlops_distance"
)
_OTHER_DIMENSIONS = re.compile(r"different (?:half)?vector dimensions (\d+)")
_OPERATORS: Mapping[str, LiteralString] = {"cosine": "<=>", "l2": "<->", "inner_product": "<#>"}


class PgvectorTable:
    """One of these serves all threads."""

    def __init__(self, name: str, entry: Pgvector, embedder: Embedder, password: str) -> None:
        """
        Raises:
            SettingsError: no address.
        """
        self.name = name
        self._entry, self._embedder = entry, embedder
        self._layout: Layout = layout(entry)
        address = Address(entry.url.get_secret_value(), password=password)
        self._where = f"{name}: {address}"
        self._server = Server(address, settings=_SETTINGS, told=self._told, writes=False)

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """Scores are made of pgvector's distances so that the higher is the nearer: 1 - d, of l2 1 / (1 + d).

        Raises:
            BadFilter: it compares an attribute that no column has, or with what Postgres cannot hold.
            RetrieverFailed: it was not reached, or refused; or its vectors are of another model.
        """
        allowed = None if filters is None else condition(filters, self._layout.place)
        near = self._embedder.query(query)
        with self._server.lent() as connection:
            try:
                found = self._column(connection)
                if found.dimensions not in (None, len(near)):
                    raise other_model(self.name, self._layout.name, found.dimensions or "", self._embedder)
                rows = self._rows(connection, found, json.dumps(near.tolist()), k, allowed)
            except (psycopg.ProgrammingError, psycopg.DataError) as error:
                raise self._mistaken(error) from error
        return [self._passage(row) for row in rows]

    def close(self) -> None:
        self._server.close()

    def _column(self, connection: Connection) -> Column:
        found = column(connection, self._layout.name, self._layout.embedding)
        if found is None:
            raise RetrieverFailed(
                f"{self._where} has no table {self._layout.name} with a column "
                f"{self._layout.embedding!r} of pgvector that may be read.",
                hint="Correct table, embedding_column or the rights of the user.",
            )
        if self._layout.collection is not None and not self._layout.has_collection(connection):
            raise RetrieverFailed(
                f"{self._where} has no collection {self._layout.collection!r} of LangChain's.",
                hint="Correct langchain_collection.",
            )
        return found

    def _rows(
        self, connection: Connection, column: Column, near: str, k: int, allowed: Condition | None
    ) -> list[Row]:
        rows = connection.execute(*self._question(column, near, k, allowed, indexed=True)).fetchall()
        if len(rows) < k and allowed is not None:
            # An index gives up where a filter lets few through; then they are compared one by one.
            with suppress(psycopg.errors.QueryCanceled):
                rows = connection.execute(*self._question(column, near, k, allowed, indexed=False)).fetchall()
        return rows

    def _question(
        self, column: Column, near: str, k: int, allowed: Condition | None, *, indexed: bool
    ) -> tuple[sql.Composed, dict[str, object]]:
        held = quoted(self._layout.embedding)
        distance = sql.SQL("({} OPERATOR({}.{}) %(near)s::{})").format(
            held,
            quoted(column.schema),
            sql.SQL(_OPERATORS[self._entry.distance]),
            quoted(column.schema, column.type),
        )
        conditions = [sql.SQL("{} IS NOT NULL").format(held), *self._layout.conditions]
        if allowed is not None:
            conditions.append(allowed.sql)
        values = {"near": near, "count": k, **self._layout.values, **(allowed.values if allowed else {})}
        question = sql.SQL(_SELECT).format(
            text=self._layout.text,
            id=self._layout.id,
            attributes=self._layout.attributes,
            distance=distance,
            table=quoted(*self._layout.table),
            where=sql.SQL(" AND ").join(conditions),
            order=distance if indexed else sql.SQL("{} + 0").format(distance),
        )
        return question, values

    def _passage(self, row: Row) -> Passage:
        text, id, attributes, distance = row
        score = self._score(distance)
        return passage(text, "" if id is None else id, score, attributes, self._layout.names, self.name)

    def _score(self, distance: float) -> float:
        match self._entry.distance:
            case "cosine":
                return 1 - distance
            case "l2":
                return 1 / (1 + distance)
        return -distance

    def _mistaken(self, error: psycopg.Error) -> RetrieverFailed:
        said = str(error).partition("\n")[0].strip().rstrip(".")
        if found := _OTHER_DIMENSIONS.search(said):
            return other_model(self.name, self._layout.name, found[1], self._embedder)
        return RetrieverFailed(
            f"{self._where} refused: {said}.", hint="Correct the columns of the store in grounding.yaml."
        )

    def _told(self, trouble: Trouble, words: str) -> KanoaError:
        hints = {
            Trouble.AWAY: "See that it runs, and that its address and password are right.",
            Trouble.BUSY: "Try again; for large tables an index helps: CREATE INDEX ... USING hnsw.",
            Trouble.FORBIDDEN: "Its user needs the right to read the table.",
        }
        verb = "cannot be reached" if trouble is Trouble.AWAY else "failed"
        return RetrieverFailed(f"{self._where} {verb}: {words}.", hint=hints.get(trouble, "See its own log."))
