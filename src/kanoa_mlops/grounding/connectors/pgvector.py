"""A table with a column of pgvector, in whatever Postgres: https://github.com/pgvector/pgvector"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, SecretStr, model_validator

from kanoa_mlops.errors import MissingExtra
from kanoa_mlops.grounding.connectors.embedded import EmbeddedEntry
from kanoa_mlops.grounding.connectors.entry import Variable
from kanoa_mlops.grounding.types import Embedder

if TYPE_CHECKING:
    from kanoa_mlops.grounding.connectors.pgvector_table import PgvectorTable


def _postgres(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        # Not quoted: whatever it is, there may be a password in it.
        raise ValueError("it does not begin with postgresql://")
    return url


class Pgvector(EmbeddedEntry):
    url: Annotated[SecretStr, AfterValidator(_postgres)]
    """postgresql://user@host:5432/database; what it lacks, libpq looks for in its own places."""
    password_env: Variable | None = None
    password_file: Path | None = None
    table: str = ""
    """May be `schema.table`."""
    langchain_collection: str | None = None
    """Instead of a table: a collection of LangChain's PGVector, whose columns are known."""
    text_column: str = "text"
    embedding_column: str = "embedding"
    source_column: str | None = None
    title_column: str | None = None
    page_column: str | None = None
    id_column: str | None = None
    attribute_columns: Sequence[str] = ()
    """May be asked for in filters, beside those in `attributes_column`."""
    attributes_column: str | None = None
    """Of json or jsonb; an object."""
    first_page: Literal[0, 1] | None = None
    """What the page says of the first one; unset, 0 for LangChain's, whose loaders count so, else 1."""
    distance: Literal["cosine", "l2", "inner_product"] = "cosine"
    """That of the column's index, so that it is used."""

    @model_validator(mode="after")
    def _one_table(self) -> Pgvector:
        if bool(self.table) == bool(self.langchain_collection):
            raise ValueError("give either table or langchain_collection")
        return self

    def connect(self, name: str) -> PgvectorTable:
        return self.joined(name, self.embedder())

    def joined(self, name: str, embedder: Embedder) -> PgvectorTable:
        """With what makes vectors of questions."""
        try:
            from kanoa_mlops.grounding.connectors.pgvector_table import PgvectorTable
        except ModuleNotFoundError as error:
            if error.name != "psycopg":
                raise
            raise MissingExtra(
                "pgvector is asked by psycopg, which is not installed.",
                hint="pip install 'kanoa-mlops[postgres]'",
            ) from error
        password = self.secret(self.password_env, self.password_file)
        return PgvectorTable(name, self, embedder, password)
