"""Chroma's server, by its second REST API: https://docs.trychroma.com/reference/chroma-server"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.connectors.chroma_filter import chroma_filter
from kanoa_mlops.grounding.connectors.embedded import EmbeddedEntry, other_model
from kanoa_mlops.grounding.connectors.entry import Address, KeyedEntry
from kanoa_mlops.grounding.connectors.kept import Names, passage
from kanoa_mlops.grounding.connectors.service import Service
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.types import Embedder, Passage

_OTHER_DIMENSIONS = re.compile(r"embedding with dimension of (\d+)")
_INCLUDE = ("documents", "metadatas", "distances")


class Chroma(EmbeddedEntry, KeyedEntry):
    url: Address
    """That of `chroma run`. Its port is the gateway's as well: on one machine one of them needs another."""
    collection: str = Field(min_length=1)
    tenant: str = "default_tenant"
    database: str = "default_database"
    key_header: Literal["x-chroma-token", "authorization"] = "x-chroma-token"
    """Chroma Cloud takes the first; what stands before a server of one's own, often the second."""
    source_field: str | None = None
    """Of the metadata, like the next two; unset, the first of source, url, file_path and the like."""
    title_field: str | None = None
    page_field: str | None = None
    first_page: Literal[0, 1] = 1
    """What `page` says of the first one."""

    def connect(self, name: str) -> ChromaCollection:
        return self.joined(name, self.embedder())

    def joined(self, name: str, embedder: Embedder) -> ChromaCollection:
        """With what makes vectors of questions."""
        service = self.service(name, self.url, self.key_header)
        return ChromaCollection(name, self, service, embedder)


@dataclass
class ChromaCollection:
    name: str
    entry: Chroma
    service: Service
    embedder: Embedder
    _known: tuple[str, str] | None = field(default=None, init=False)
    """Its id, and the space of its distances."""

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """Scores are made of Chroma's distances so that the higher is the nearer: 1 - d, of l2 1 / (1 + d).

        Raises:
            BadFilter: Chroma has no way to say it.
            RetrieverFailed: it was not reached, or refused; or its vectors are of another model.
        """
        where = None if filters is None else chroma_filter(filters)
        near = self.embedder.query(query).tolist()
        asked = {"query_embeddings": [near], "n_results": k, "where": where, "include": _INCLUDE}
        try:
            answer, space = self._ask(asked)
        except RetrieverFailed as error:
            raise self._explained(error) from error
        return list(self._passages(answer, space))

    def close(self) -> None:
        self.service.close()

    def _ask(self, asked: Mapping[str, Any]) -> tuple[Any, str]:
        """What it answers, and the space of its distances."""
        if (known := self._known) is not None:
            # It may have been made anew, with another id: then it is looked up again.
            with suppress(RetrieverFailed):
                return self.service.post(f"{self._collections}/{known[0]}/query", asked), known[1]
        known = self._known = self._look_up()
        return self.service.post(f"{self._collections}/{known[0]}/query", asked), known[1]

    @property
    def _collections(self) -> str:
        tenant, database = quote(self.entry.tenant, safe=""), quote(self.entry.database, safe="")
        return f"/api/v2/tenants/{tenant}/databases/{database}/collections"

    def _look_up(self) -> tuple[str, str]:
        found = self.service.get(f"{self._collections}/{quote(self.entry.collection, safe='')}")
        if not isinstance(found, dict) or not isinstance(found.get("id"), str):
            raise self._foreign()
        configuration = found.get("configuration_json") or {}
        index = configuration.get("hnsw") or configuration.get("spann") or {}
        return quote(found["id"], safe=""), str(index.get("space") or "l2")

    def _passages(self, answer: Any, space: str) -> Iterator[Passage]:
        try:
            columns = [answer[name][0] for name in ("ids", *_INCLUDE)]
            rows = list(zip(*columns, strict=True))
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._foreign() from None
        entry = self.entry
        names = Names(entry.source_field, entry.title_field, entry.page_field, entry.first_page)
        for id, text, kept, distance in rows:
            yield passage(text, id, _score(distance, space), kept or {}, names, self.name)

    def _explained(self, error: RetrieverFailed) -> RetrieverFailed:
        found = _OTHER_DIMENSIONS.search(error.message)
        where = f"the collection {self.entry.collection!r}"
        return other_model(self.name, where, found[1], self.embedder) if found else error

    def _foreign(self) -> RetrieverFailed:
        return RetrieverFailed(
            f"{self.name}: {self.entry.url} answered with what is no collection.",
            hint="Is url that of a Chroma server of 1.0 or newer?",
        )


def _score(distance: float | None, space: str) -> float | None:
    if distance is None:
        return None
    return 1 / (1 + distance) if space == "l2" else 1 - distance
