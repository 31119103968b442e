"""Qdrant, by REST: https://api.qdrant.tech/api-reference/search/query-points"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.connectors.embedded import EmbeddedEntry, other_model
from kanoa_mlops.grounding.connectors.entry import Address, KeyedEntry
from kanoa_mlops.grounding.connectors.fields import number
from kanoa_mlops.grounding.connectors.kept import Names, passage
from kanoa_mlops.grounding.connectors.qdrant_filter import qdrant_filter
from kanoa_mlops.grounding.connectors.service import Service
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.types import Embedder, Passage

_OTHER_DIMENSIONS = re.compile(r"expected dim: (\d+)")


class Qdrant(EmbeddedEntry, KeyedEntry):
    url: Address = "http://127.0.0.1:6333"
    collection: str = Field(min_length=1)
    vector_name: str | None = None
    """Which, where points have several."""
    text_field: str = "text"
    """Of the payload. LangChain keeps the text as `page_content`."""
    attributes_field: str | None = None
    """Of the payload, where the attributes are in an object of their own: LangChain's `metadata`."""
    source_field: str | None = None
    """Among the attributes, like the next two; unset, the first of source, url, file_path and the like."""
    title_field: str | None = None
    page_field: str | None = None
    first_page: Literal[0, 1] = 1
    """What `page` says of the first one."""

    def connect(self, name: str) -> QdrantCollection:
        return self.joined(name, self.embedder())

    def joined(self, name: str, embedder: Embedder) -> QdrantCollection:
        """With what makes vectors of questions."""
        service = self.service(name, self.url, "api-key")
        return QdrantCollection(name, self, service, embedder)


@dataclass(frozen=True)
class QdrantCollection:
    name: str
    entry: Qdrant
    service: Service
    embedder: Embedder

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """Scores are Qdrant's: of cosine and dot product the higher is the nearer, of distances the lower.

        Raises:
            BadFilter: Qdrant has no way to say it.
            RetrieverFailed: it was not reached, or refused; or its vectors are of another model.
        """
        asked: dict[str, Any] = {"limit": k, "with_payload": True}
        if filters is not None:
            asked["filter"] = qdrant_filter(filters, self.entry.attributes_field)
        if self.entry.vector_name is not None:
            asked["using"] = self.entry.vector_name
        asked["query"] = self.embedder.query(query).tolist()
        path = f"/collections/{quote(self.entry.collection, safe='')}/points/query"
        try:
            answer = self.service.post(path, asked)
        except RetrieverFailed as error:
            raise self._explained(error) from error
        return [self._passage(each) for each in self._points(answer)]

    def close(self) -> None:
        self.service.close()

    def _points(self, answer: object) -> list[Mapping[str, Any]]:
        result = answer.get("result") if isinstance(answer, dict) else None
        points = result.get("points") if isinstance(result, dict) else None
        if not isinstance(points, list):
            raise RetrieverFailed(
                f"{self.name}: {self.entry.url} answered with what are no points.",
                hint="Is url that of a Qdrant of 1.10 or newer?",
            )
        return [each for each in points if isinstance(each, dict)]

    def _passage(self, point: Mapping[str, Any]) -> Passage:
        entry = self.entry
        kept = dict(point.get("payload") or {})
        text = kept.pop(entry.text_field, None)
        within = kept.get(entry.attributes_field) if entry.attributes_field else kept
        names = Names(entry.source_field, entry.title_field, entry.page_field, entry.first_page)
        attributes = within if isinstance(within, dict) else {}
        return passage(text, point.get("id", ""), number(point.get("score")), attributes, names, self.name)

    def _explained(self, error: RetrieverFailed) -> RetrieverFailed:
        found = _OTHER_DIMENSIONS.search(error.message)
        where = f"the collection {self.entry.collection!r}"
        return other_model(self.name, where, found[1], self.embedder) if found else error
