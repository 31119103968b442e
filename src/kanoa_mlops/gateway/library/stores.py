"""`/v1/vector_stores`, and the search in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, json_response
from kanoa_mlops.gateway.library.asked import (
    ExpiresAfter,
    RankingOptions,
    Searched,
    StoreChanged,
    StoreCreated,
)
from kanoa_mlops.gateway.library.desk import Desk, as_api_error
from kanoa_mlops.gateway.library.paging import Paged, wish
from kanoa_mlops.gateway.library.told import bound_object, deleted, found_page, store_object
from kanoa_mlops.grounding.archive import Collection, Reader
from kanoa_mlops.grounding.filters import parse_filter
from kanoa_mlops.grounding.library import Found
from kanoa_mlops.grounding.library.attachment import Wanted
from kanoa_mlops.grounding.library.bound import bound_id
from kanoa_mlops.grounding.library.shelves import unknown

_USUAL_RESULTS = 10


@dataclass(frozen=True)
class _Shelved:
    """A collection, or a provider's store."""

    id: str
    name: str
    created_at: float
    told: Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class StoresDoor:
    desk: Desk

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            ("POST", routes.STORES): self.create,
            ("GET", routes.STORES): self.list,
            ("GET", routes.STORE): self.retrieve,
            ("POST", routes.STORE): self.update,
            ("DELETE", routes.STORE): self.delete,
            ("POST", routes.STORE_SEARCH): self.search,
        }

    async def create(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        asked = await self.desk.body(request, exchange, StoreCreated)
        return json_response(await self.desk.work(exchange, self._create, reader, asked))

    async def list(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        page = wish(request.query)

        def told() -> dict[str, Any]:
            paged = Paged(self._shelved(reader), lambda each: each.id, lambda each: each.created_at)
            return paged.page(page, lambda each: each.told())

        return json_response(await self.desk.work(exchange, told))

    async def retrieve(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        return json_response(await self.desk.work(exchange, self._retrieve, reader, request.name))

    async def update(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        asked = await self.desk.body(request, exchange, StoreChanged)
        return json_response(await self.desk.work(exchange, self._update, reader, request.name, asked))

    async def delete(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        remove = self.desk.library.attachments.remove_collection
        collection = await self.desk.work(exchange, remove, reader, request.name)
        return json_response(deleted(collection.id, "vector_store.deleted"))

    async def search(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        asked = await self.desk.body(request, exchange, Searched)
        found = await self.desk.work(exchange, self._search, reader, request.name, asked)
        for failure in found.failures.values():
            raise as_api_error(failure)
        queries = [asked.query] if isinstance(asked.query, str) else asked.query
        return json_response(found_page(queries, found))

    def _create(self, reader: Reader, asked: StoreCreated) -> dict[str, Any]:
        library, strategy = self.desk.library, asked.chunking_strategy
        cut = strategy.cut if strategy else None
        wanted = [Wanted(id, {}, cut) for id in dict.fromkeys(asked.file_ids or ())]
        library.files.require_own(reader, [each.file_id for each in wanted])
        collection = library.shelves.create(
            reader,
            asked.name or "",
            attributes=asked.metadata or {},
            expires_days=_days(asked.expires_after),
        )
        if wanted:
            library.attachments.attach(reader, collection.id, wanted)
        return self._told(collection)

    def _retrieve(self, reader: Reader, name: str) -> dict[str, Any]:
        for each in self._shelved(reader):
            if name in (each.id, each.name):
                return each.told()
        raise unknown(name)

    def _shelved(self, reader: Reader) -> Sequence[_Shelved]:
        """All that this reader may see, their own first."""
        shelves = self.desk.library.shelves
        kept = sorted(shelves.collections(reader), key=lambda each: each.owner != reader.key_id)
        return [
            *[_Shelved(each.id, each.name, each.created_at, partial(self._told, each)) for each in kept],
            *[
                _Shelved(bound_id(name), name, 0.0, partial(bound_object, name, bound))
                for name, bound in shelves.bound(reader).items()
            ],
        ]

    def _update(self, reader: Reader, name: str, asked: StoreChanged) -> dict[str, Any]:
        def changed(collection: Collection) -> Collection:
            if asked.name is not None:
                collection = replace(collection, name=asked.name or collection.id)
            if asked.metadata is not None:
                collection = replace(collection, attributes=asked.metadata)
            if "expires_after" in asked.model_fields_set:
                collection = replace(collection, expires_days=_days(asked.expires_after))
            return collection

        return self._told(self.desk.library.shelves.change(reader, name, changed))

    def _search(self, reader: Reader, name: str, asked: Searched) -> Found:
        options = asked.ranking_options or RankingOptions()
        return self.desk.library.search(
            reader,
            [name],
            asked.query,
            k=asked.max_num_results or _USUAL_RESULTS,
            filters=parse_filter(asked.filters) if asked.filters else None,
            ranking=options.ranking,
        )

    def _told(self, collection: Collection) -> dict[str, Any]:
        library = self.desk.library
        stats = library.archive.stats(collection.id)
        return store_object(collection, library.attachments.counts(collection), stats.text_bytes)


def _days(after: ExpiresAfter | None) -> int | None:
    return after.days if after else None
