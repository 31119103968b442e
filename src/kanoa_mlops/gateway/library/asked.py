"""What clients send for vector stores, in OpenAI's words; read strictly."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from kanoa_mlops.gateway.surfaces.given import Given
from kanoa_mlops.grounding.filters import Value
from kanoa_mlops.grounding.library.attachment import Cut, Wanted
from kanoa_mlops.grounding.types import Ranking

Key = Annotated[str, Field(max_length=64)]
Word = Annotated[str, Field(max_length=512)]
Metadata = Annotated[dict[Key, Word], Field(max_length=16)]
Attributes = Annotated[
    dict[Key, bool | Annotated[float, Field(allow_inf_nan=False)] | Word], Field(max_length=16)
]
Share = Annotated[float, Field(ge=0, le=1)]
_MOST_FILES = 2000
_MOST_QUERIES = 32


class Static(Given):
    max_chunk_size_tokens: Annotated[int, Field(ge=100, le=4096)]
    chunk_overlap_tokens: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _overlaps_less_than_half(self) -> Static:
        if self.chunk_overlap_tokens * 2 > self.max_chunk_size_tokens:
            raise ValueError("chunk_overlap_tokens is more than half of max_chunk_size_tokens")
        return self


class ChunkingStrategy(Given):
    type: Literal["auto", "static"]
    static: Static | None = None

    @model_validator(mode="after")
    def _static_says_how(self) -> ChunkingStrategy:
        if self.type == "static" and self.static is None:
            raise ValueError("the type static needs 'static'")
        return self

    @property
    def cut(self) -> Cut | None:
        if self.type == "auto" or self.static is None:
            return None
        return Cut(self.static.max_chunk_size_tokens, self.static.chunk_overlap_tokens)


class ExpiresAfter(Given):
    anchor: Literal["last_active_at"]
    days: Annotated[int, Field(ge=1, le=365)]


class StoreCreated(Given):
    name: Annotated[str, Field(max_length=256)] | None = None
    description: str | None = None
    file_ids: Annotated[list[str], Field(max_length=_MOST_FILES)] | None = None
    metadata: Metadata | None = None
    expires_after: ExpiresAfter | None = None
    chunking_strategy: ChunkingStrategy | None = None


class StoreChanged(Given):
    name: Annotated[str, Field(max_length=256)] | None = None
    metadata: Metadata | None = None
    expires_after: ExpiresAfter | None = None


class Attached(Given):
    file_id: str
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None

    @property
    def wanted(self) -> Wanted:
        return _wanted(self.file_id, self.attributes, self.chunking_strategy)


class Described(Given):
    attributes: Attributes | None


class BatchCreated(Given):
    file_ids: Annotated[list[str], Field(min_length=1, max_length=_MOST_FILES)] | None = None
    files: Annotated[list[Attached], Field(min_length=1, max_length=_MOST_FILES)] | None = None
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> BatchCreated:
        if (self.file_ids is None) == (self.files is None):
            raise ValueError("either 'file_ids' or 'files' is needed")
        return self

    @property
    def wanted(self) -> list[Wanted]:
        if self.files is not None:
            return [each.wanted for each in self.files]
        ids = dict.fromkeys(self.file_ids or ())
        return [_wanted(id, self.attributes, self.chunking_strategy) for id in ids]


class HybridSearch(Given):
    text_weight: Share = 0.7
    embedding_weight: Share = 0.3


class RankingOptions(Given):
    ranker: str | None = None
    score_threshold: Share | None = None
    hybrid_search: HybridSearch | None = None

    @property
    def ranking(self) -> Ranking:
        least = self.score_threshold or 0.0
        if self.hybrid_search is None:
            return Ranking(score_threshold=least)
        return Ranking(self.hybrid_search.text_weight, self.hybrid_search.embedding_weight, least)


class Searched(Given):
    query: str | Annotated[list[str], Field(min_length=1, max_length=_MOST_QUERIES)]
    max_num_results: Annotated[int, Field(ge=1, le=50)] | None = None
    filters: dict[str, Any] | None = None
    ranking_options: RankingOptions | None = None
    rewrite_query: bool | None = None


def _wanted(file_id: str, attributes: dict[str, Value] | None, strategy: ChunkingStrategy | None) -> Wanted:
    return Wanted(file_id, attributes or {}, strategy.cut if strategy else None)
