"""What a search asks: collections that are kept here, and stores of providers, in one form."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from kanoa_mlops.errors import RetrieverFailed
from kanoa_mlops.grounding.archive import Archive, Collection
from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.library.bound import Bound
from kanoa_mlops.grounding.library.ids import file_id_of
from kanoa_mlops.grounding.library.vectors import QueryVectors
from kanoa_mlops.grounding.types import Passage, Ranking

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors

_MOST_AT_ONCE = 16
"""Searches at one provider. One that hangs keeps its threads, and so no more than these."""


@dataclass(frozen=True)
class Sought:
    queries: tuple[str, ...]
    k: int
    filters: Filter | None
    ranking: Ranking


@dataclass(frozen=True)
class Answer:
    """Of one store: a list for each query."""

    lists: tuple[Sequence[Passage], ...]
    warning: str = ""


class Store(Protocol):
    @property
    def shareable(self) -> bool: ...

    def search(self, sought: Sought, name: str, vectors: QueryVectors) -> Answer:
        """
        Args:
            name: under which it was asked.
        """
        ...


@dataclass(frozen=True)
class Kept:
    """A collection in an archive."""

    archive: Archive
    collection: Collection

    @property
    def shareable(self) -> bool:
        return self.collection.shareable

    def search(self, sought: Sought, name: str, vectors: QueryVectors) -> Answer:
        warning = ""
        lists = []
        for query in sought.queries:
            vector, warning = self._vector(query, sought.ranking, vectors)
            passages = self.archive.search(
                self.collection.id,
                query,
                vector,
                k=sought.k,
                filters=sought.filters,
                ranking=sought.ranking,
            )
            lists.append([self._named(each, name) for each in passages])
        return Answer(tuple(lists), warning)

    def _vector(self, query: str, ranking: Ranking, vectors: QueryVectors) -> tuple[Vectors | None, str]:
        space = self.collection.space
        if space is None or ranking.embedding_weight == 0:
            return None, ""
        try:
            return vectors.of(query, space), ""
        except RetrieverFailed as error:
            return None, f"Found by words alone: {error.message}"

    def _named(self, passage: Passage, name: str) -> Passage:
        file_id = passage.file_id or file_id_of(self.collection.id, passage.source)
        return replace(passage, store=name, file_id=file_id)


class Provided:
    """A provider's store."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self._places = threading.Semaphore(_MOST_AT_ONCE)

    @property
    def shareable(self) -> bool:
        return self.bound.shareable

    def search(self, sought: Sought, name: str, vectors: QueryVectors) -> Answer:
        if not self._places.acquire(blocking=False):
            raise RetrieverFailed(f"{name} still works on {_MOST_AT_ONCE} other searches.")
        try:
            return Answer(tuple(self._lists(sought, name)))
        finally:
            self._places.release()

    def _lists(self, sought: Sought, name: str) -> list[Sequence[Passage]]:
        return [
            [
                replace(each, store=name)
                for each in self.bound.retriever.search(query, k=sought.k, filters=sought.filters)
                if each.score is None or each.score >= sought.ranking.score_threshold
            ]
            for query in sought.queries
        ]
