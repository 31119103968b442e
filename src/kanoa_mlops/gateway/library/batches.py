"""Files that are put into a vector store together."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, json_response
from kanoa_mlops.gateway.library.asked import BatchCreated
from kanoa_mlops.gateway.library.desk import Desk
from kanoa_mlops.gateway.library.paging import wish
from kanoa_mlops.gateway.library.store_files import listed, wanted_status
from kanoa_mlops.gateway.library.told import batch_object
from kanoa_mlops.grounding.archive import Reader
from kanoa_mlops.grounding.library.attachment import Batch, Wanted


@dataclass(frozen=True)
class BatchesDoor:
    desk: Desk

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            ("POST", routes.BATCHES): self.create,
            ("GET", routes.BATCH): self.retrieve,
            ("POST", routes.BATCH_CANCEL): self.cancel,
            ("GET", routes.BATCH_FILES): self.files,
        }

    async def create(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        asked = await self.desk.body(request, exchange, BatchCreated)
        batch = await self.desk.work(exchange, self._create, reader, request.name, asked.wanted)
        return json_response(batch_object(batch))

    async def retrieve(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        find = self.desk.library.attachments.batch
        return json_response(batch_object(await self.desk.work(exchange, find, reader, *_names(request))))

    async def cancel(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        cancel = self.desk.library.attachments.cancel
        return json_response(batch_object(await self.desk.work(exchange, cancel, reader, *_names(request))))

    async def files(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        page, status = wish(request.query), wanted_status(request)
        find = self.desk.library.attachments.files_of_batch
        found = await self.desk.work(exchange, find, reader, *_names(request))
        return json_response(listed([each for each in found if status in ("", each.status)], page))

    def _create(self, reader: Reader, store: str, wanted: list[Wanted]) -> Batch:
        attachments = self.desk.library.attachments
        id, _ = attachments.attach(reader, store, wanted, batch=True)
        return attachments.batch(reader, store, id)


def _names(request: Request) -> tuple[str, str]:
    store, _, batch_id = request.name.partition("/")
    return store, batch_id
