"""Vertex AI RAG Engine, by REST.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations/retrieveContexts
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.connectors.cel import cel
from kanoa_mlops.grounding.connectors.entry import Address, KeyedEntry
from kanoa_mlops.grounding.connectors.fields import number
from kanoa_mlops.grounding.connectors.google_token import GoogleToken
from kanoa_mlops.grounding.connectors.service import Service
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.types import Passage


class Vertex(KeyedEntry):
    """Its key is an access token; without one, google-auth finds the person's own credentials."""

    corpus: Annotated[str, Field(pattern=r"^projects/[^/]+/locations/[a-z0-9-]+/ragCorpora/[^/]+$")]
    """As Google names it: projects/PROJECT/locations/LOCATION/ragCorpora/NUMBER."""
    endpoint: Address | None = None
    """Unset, that of the corpus's location."""
    vector_distance_threshold: float | None = None
    """What is farther is left out."""

    def connect(self, name: str) -> RagCorpus:
        token = GoogleToken(name)

        def headers() -> Mapping[str, str]:
            return {"Authorization": f"Bearer {self.key() or token.text()}"}

        service = Service(name, self._endpoint, headers=headers, certificates=self.certificates)
        return RagCorpus(name, self, service)

    @property
    def parent(self) -> str:
        return self.corpus.partition("/ragCorpora/")[0]

    @property
    def _endpoint(self) -> str:
        location = self.parent.rpartition("/")[2]
        return self.endpoint or f"https://{location}-aiplatform.googleapis.com"


@dataclass(frozen=True)
class RagCorpus:
    name: str
    entry: Vertex
    service: Service

    def search(self, query: str, *, k: int = 5, filters: Filter | None = None) -> Sequence[Passage]:
        """Scores are distances or similarities, as the corpus's vector database has it.

        Raises:
            BadFilter: CEL has no word for a part of it.
            RetrieverFailed: it was not reached, or refused.
        """
        narrowing: dict[str, Any] = {}
        if filters is not None:
            narrowing["metadataFilter"] = cel(filters)
        if self.entry.vector_distance_threshold is not None:
            narrowing["vectorDistanceThreshold"] = self.entry.vector_distance_threshold
        config = {"topK": k} | ({"filter": narrowing} if narrowing else {})
        body = {
            "vertexRagStore": {"ragResources": [{"ragCorpus": self.entry.corpus}]},
            "query": {"text": query, "ragRetrievalConfig": config},
        }
        answer = self.service.post(f"/v1/{self.entry.parent}:retrieveContexts", body)
        return [self._passage(each) for each in self._contexts(answer)][:k]

    def close(self) -> None:
        self.service.close()

    def _contexts(self, answer: object) -> Sequence[Mapping[str, Any]]:
        """Nothing found is an answer without contexts."""
        outer = answer.get("contexts", {}) if isinstance(answer, dict) else None
        inner = outer.get("contexts", []) if isinstance(outer, dict) else None
        if not isinstance(inner, list) or not all(isinstance(each, dict) for each in inner):
            raise RetrieverFailed(f"{self.name}: Vertex AI answered with what are no contexts.")
        return inner

    def _passage(self, context: Mapping[str, Any]) -> Passage:
        chunk = context.get("chunk") or {}
        title = str(context.get("sourceDisplayName") or "")
        first = number((chunk.get("pageSpan") or {}).get("firstPage"))
        return Passage(
            text=str(context.get("text") or chunk.get("text") or ""),
            source=str(context.get("sourceUri") or title),
            score=number(context.get("score")),
            chunk_id=str(chunk.get("chunkId") or ""),
            title=title,
            page=int(first) if first else None,
            file_id=str(chunk.get("fileId") or ""),
            store=self.name,
        )
