"""Azure AI Search, by REST: https://learn.microsoft.com/rest/api/searchservice/documents/search-post"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.connectors.entry import Address, KeyedEntry
from kanoa_mlops.grounding.connectors.fields import (
    chunk_in,
    heading_in,
    number,
    page_in,
    plain,
    source_in,
    title_in,
)
from kanoa_mlops.grounding.connectors.odata import odata
from kanoa_mlops.grounding.connectors.service import Service
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.types import Passage


class AzureSearch(KeyedEntry):
    endpoint: Address
    """https://NAME.search.windows.net"""
    index: str = Field(min_length=1)
    text_field: str = "content"
    source_field: str | None = None
    """Unset, the first of source, url, filepath and the like that a document has."""
    title_field: str | None = None
    page_field: str | None = None
    id_field: str | None = None
    vector_field: str | None = None
    """Searched beside the words; the index itself makes the vector of the question (its vectorizer)."""
    semantic_configuration: str | None = None
    """Ranks what was found anew, by Azure's own model."""
    key_header: Literal["api-key", "authorization"] = "api-key"
    """Entra's tokens go as `authorization`."""
    api_version: str = "2024-07-01"

    def connect(self, name: str) -> SearchIndex:
        service = self.service(name, self.endpoint, self.key_header)
        return SearchIndex(name, self, service)


@dataclass(frozen=True)
class SearchIndex:
    name: str
    entry: AzureSearch
    service: Service

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """Scores are the semantic ranker's (0 to 4) where it is used, else those of the search.

        Raises:
            BadFilter: OData has no word for a part of it.
            RetrieverFailed: it was not reached, or refused.
        """
        path = f"/indexes('{quote(self.entry.index, safe='')}')/docs/search.post.search"
        params = {"api-version": self.entry.api_version}
        asked: Mapping[str, Any] | None = self._asked(query, k, filters)
        found: list[Passage] = []
        while asked and len(found) < k:
            answer = self.service.post(path, asked, params)
            documents = answer.get("value") if isinstance(answer, dict) else None
            if not isinstance(documents, list):
                raise RetrieverFailed(
                    f"{self.name}: {self.entry.endpoint} answered with what are no documents.",
                    hint="Is endpoint that of the search service?",
                )
            found += [self._passage(each) for each in documents if isinstance(each, dict)]
            # It ends a page where it likes, and says how to ask for the next.
            asked = answer.get("@search.nextPageParameters") if documents else None
        return found[:k]

    def close(self) -> None:
        self.service.close()

    def _asked(self, query: str, k: int, filters: Filter | None) -> dict[str, Any]:
        asked: dict[str, Any] = {"search": query, "top": k}
        if filters is not None:
            asked["filter"] = odata(filters)
        if self.entry.vector_field:
            vector = {"kind": "text", "text": query, "fields": self.entry.vector_field, "k": max(k, 50)}
            # Beside the filter, not after it: else fewer than k are left.
            asked |= {"vectorQueries": [vector], "vectorFilterMode": "preFilter"}
        if self.entry.semantic_configuration:
            asked |= {"queryType": "semantic", "semanticConfiguration": self.entry.semantic_configuration}
        return asked

    def _passage(self, document: Mapping[str, Any]) -> Passage:
        held = {name: each for name, each in document.items() if not name.startswith("@search.")}
        text = str(held.pop(self.entry.text_field, None) or "")
        named = {
            "source": self.entry.source_field,
            "title": self.entry.title_field,
            "page_number": self.entry.page_field,
            "chunk_id": self.entry.id_field,
        }
        known = held | {name: held[field] for name, field in named.items() if field in held}
        reranked = number(document.get("@search.rerankerScore"))
        return Passage(
            text=text,
            source=source_in(known) or title_in(known) or chunk_in(known),
            score=number(document.get("@search.score")) if reranked is None else reranked,
            chunk_id=chunk_in(known),
            title=title_in(known),
            page=page_in(known),
            heading=heading_in(known),
            store=self.name,
            attributes=plain(held),
        )
