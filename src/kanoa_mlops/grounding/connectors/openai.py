"""Vector stores as OpenAI has them: its own, Azure's, OGX (once Llama Stack), LiteLLM, our gateway.

https://platform.openai.com/docs/api-reference/vector-stores/search
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from kanoa_mlops.grounding.connectors.service import Service
from kanoa_mlops.grounding.filters import Filter, as_json
from kanoa_mlops.grounding.types import Passage

_MOST_ON_A_PAGE = 50
"""OpenAI's limit of `max_num_results`."""


class OpenAI(KeyedEntry):
    base_url: Address = "https://api.openai.com/v1"
    """As OpenAI's clients take it, with `/v1`."""
    vector_store_id: str = Field(min_length=1)
    key_header: Literal["authorization", "api-key"] = "authorization"
    """Azure takes its own keys as `api-key`, and Entra's tokens as everybody does."""
    api_version: str | None = None
    """Azure's `api-version`, where it wants one."""
    ranking_options: Mapping[str, Any] | None = None
    """Passed on as they stand."""
    rewrite_query: bool | None = None

    def connect(self, name: str) -> VectorStore:
        service = self.service(name, self.base_url, self.key_header)
        return VectorStore(name, self, service)


@dataclass(frozen=True)
class VectorStore:
    name: str
    entry: OpenAI
    service: Service

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """
        Raises:
            RetrieverFailed: it was not reached, or refused.
        """
        passages: list[Passage] = []
        page = ""
        while len(passages) < k:
            answer = self._ask(query, k - len(passages), filters, page)
            fresh = [each for each in _passages(answer, self.name) if each not in passages]
            passages += fresh
            page = str(answer.get("next_page") or "")
            # One that does not know what it is asked by `page` gives the first page again.
            if not fresh or not page or not answer.get("has_more"):
                break
        return passages[:k]

    def close(self) -> None:
        self.service.close()

    def _ask(self, query: str, k: int, filters: Filter | None, page: str) -> Mapping[str, Any]:
        body: dict[str, Any] = {"query": query, "max_num_results": min(k, _MOST_ON_A_PAGE)}
        if filters is not None:
            body["filters"] = as_json(filters)
        if self.entry.ranking_options is not None:
            body["ranking_options"] = dict(self.entry.ranking_options)
        if self.entry.rewrite_query is not None:
            body["rewrite_query"] = self.entry.rewrite_query
        # How the next page is asked for is not published for searches: as in OpenAI's other endpoints.
        params = {"api-version": self.entry.api_version or "", "page": page}
        path = f"/vector_stores/{quote(self.entry.vector_store_id, safe='')}/search"
        answer = self.service.post(path, body, {name: each for name, each in params.items() if each})
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise RetrieverFailed(
                f"{self.name}: {self.entry.base_url} answered with what is no page of search results.",
                hint="Is base_url that of an OpenAI-shaped API, with /v1?",
            )
        return answer


def _passages(answer: Mapping[str, Any], store: str) -> Iterator[Passage]:
    for each in answer["data"]:
        if not isinstance(each, dict):
            continue
        attributes = each.get("attributes") or {}
        # Our gateway says beside them what OpenAI has no field for.
        known = {**attributes, **(each.get("kanoa") or {})}
        name, file_id = str(each.get("filename") or ""), _file_id(each, attributes)
        yield Passage(
            text=_text(each.get("content")),
            source=source_in(known) or name or file_id,
            score=number(each.get("score")),
            chunk_id=chunk_in(known),
            title=title_in(known) or name,
            page=page_in(known),
            heading=heading_in(known),
            file_id=file_id,
            store=store,
            attributes=plain(attributes),
        )


def _file_id(result: Mapping[str, Any], attributes: Mapping[str, Any]) -> str:
    """OGX 1.5 gives a number of its own for it, and the file's among the attributes."""
    given, held = str(result.get("file_id") or ""), str(attributes.get("file_id") or "")
    return held if held.startswith("file-") and not given.startswith("file") else given


def _text(content: object) -> str:
    """OpenAI sends a list of pieces; some send one."""
    pieces = content if isinstance(content, list) else [content]
    return "\n".join(str(each.get("text") or "") for each in pieces if isinstance(each, dict))
