"""Which column of a table is what: as its owner says, or as LangChain's PGVector makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from psycopg import sql

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.connectors.kept import Names
from kanoa_mlops.grounding.postgres.conditions import Place, Say, in_column
from kanoa_mlops.grounding.postgres.quoting import quoted, quoted_text
from kanoa_mlops.postgres import Connection

if TYPE_CHECKING:
    from kanoa_mlops.grounding.connectors.pgvector import Pgvector

_EMBEDDINGS = ("langchain_pg_embedding",)
_COLLECTION = "(SELECT uuid FROM langchain_pg_collection WHERE name = %(collection)s)"
"""Tables of langchain-postgres 0.0.19 (vectorstores.py) and of langchain-community before it."""


@dataclass(frozen=True)
class Layout:
    table: tuple[str, ...]
    """With its schema, if that is said."""
    text: sql.Composable
    id: sql.Composable
    """Of what was found, which is called `found`, like `text` and `attributes`."""
    embedding: str
    attributes: sql.Composable
    """jsonb, an object: what can be asked for."""
    place: Place
    """Of an attribute, for filters."""
    names: Names
    conditions: Sequence[sql.Composable] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    collection: str | None = None

    @property
    def name(self) -> str:
        return sql.Identifier(*self.table).as_string()

    def has_collection(self, connection: Connection) -> bool:
        found = connection.execute(f"SELECT {_COLLECTION} IS NOT NULL", {"collection": self.collection})
        return found.fetchall() == [(True,)]


def layout(entry: Pgvector) -> Layout:
    return _langchain(entry) if entry.langchain_collection else _own(entry)


def _langchain(entry: Pgvector) -> Layout:
    attributes = sql.SQL("COALESCE(cmetadata::jsonb, '{}')")
    return Layout(
        table=_EMBEDDINGS,
        text=quoted("document"),
        # Newer tables have `id`, older ones `uuid`.
        id=sql.SQL("COALESCE(to_jsonb(found) ->> 'id', to_jsonb(found) ->> 'uuid')"),
        embedding="embedding",
        attributes=attributes,
        place=in_column(attributes),
        names=Names(entry.source_column, entry.title_column, entry.page_column, entry.first_page or 0),
        conditions=[sql.SQL(f"collection_id = {_COLLECTION}")],
        values={"collection": entry.langchain_collection},
        collection=entry.langchain_collection,
    )


def _own(entry: Pgvector) -> Layout:
    named = [entry.source_column, entry.title_column, entry.page_column]
    shown = dict.fromkeys([*entry.attribute_columns, *(each for each in named if each)])
    return Layout(
        table=tuple(entry.table.split(".")),
        text=quoted(entry.text_column),
        id=quoted(entry.id_column) if entry.id_column else sql.SQL("NULL"),
        embedding=entry.embedding_column,
        attributes=_together(list(shown), entry.attributes_column),
        place=_place(set(entry.attribute_columns), entry),
        names=Names(
            entry.source_column,
            entry.title_column,
            entry.page_column,
            1 if entry.first_page is None else entry.first_page,
        ),
    )


def _together(columns: Sequence[str], among: str | None) -> sql.Composable:
    pairs = [sql.SQL("{}::text, {}").format(quoted_text(name), quoted(name)) for name in columns]
    own = sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(pairs))
    if among is None:
        return own
    held = quoted(among)
    return sql.SQL(
        "CASE jsonb_typeof({0}::jsonb) WHEN 'object' THEN {0}::jsonb ELSE '{{}}' END || {1}"
    ).format(held, own)


def _place(columns: Set[str], entry: Pgvector) -> Place:
    def place(key: str, say: Say) -> sql.Composable:
        if key in columns:
            return sql.SQL("to_jsonb({})").format(quoted(key))
        if entry.attributes_column is None:
            known = ", ".join(sorted(columns)) or "none"
            raise BadFilter(
                f"No attribute {key!r} of {entry.table} can be asked for; those that can: {known}.",
                hint="Name its column in attribute_columns, or a column of jsonb as attributes_column.",
            )
        return sql.SQL("({}::jsonb -> {}::text)").format(quoted(entry.attributes_column), say(key))

    return place
