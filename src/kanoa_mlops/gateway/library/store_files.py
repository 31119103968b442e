"""The files of a vector store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, json_response
from kanoa_mlops.gateway.library.asked import Attached, Described
from kanoa_mlops.gateway.library.desk import Desk
from kanoa_mlops.gateway.library.paging import Paged, Wish, wish
from kanoa_mlops.gateway.library.told import attachment_object, content_page, deleted
from kanoa_mlops.grounding.library.attachment import Attachment

_STATUSES = ("in_progress", "completed", "failed", "cancelled")


@dataclass(frozen=True)
class StoreFilesDoor:
    desk: Desk

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            ("POST", routes.STORE_FILES): self.attach,
            ("GET", routes.STORE_FILES): self.list,
            ("GET", routes.STORE_FILE): self.retrieve,
            ("POST", routes.STORE_FILE): self.update,
            ("DELETE", routes.STORE_FILE): self.delete,
            ("GET", routes.STORE_FILE_CONTENT): self.content,
        }

    async def attach(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        asked = await self.desk.body(request, exchange, Attached)
        attach = self.desk.library.attachments.attach
        _, [attachment] = await self.desk.work(exchange, attach, reader, request.name, [asked.wanted])
        return json_response(attachment_object(attachment))

    async def list(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        page, status = wish(request.query), wanted_status(request)
        found = await self.desk.work(exchange, self.desk.library.attachments.of, reader, request.name)
        return json_response(listed([each for each in found if status in ("", each.status)], page))

    async def retrieve(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        find = self.desk.library.attachments.find
        return json_response(
            attachment_object(await self.desk.work(exchange, find, reader, *_names(request)))
        )

    async def update(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        asked = await self.desk.body(request, exchange, Described)
        attachment = await self.desk.work(
            exchange,
            self.desk.library.attachments.describe,
            reader,
            *_names(request),
            attributes=asked.attributes or {},
        )
        return json_response(attachment_object(attachment))

    async def delete(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        store, file_id = _names(request)
        await self.desk.work(exchange, self.desk.library.attachments.remove, reader, store, file_id)
        return json_response(deleted(file_id, "vector_store.file.deleted"))

    async def content(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        content = self.desk.library.attachments.content
        return json_response(content_page(await self.desk.work(exchange, content, reader, *_names(request))))


def wanted_status(request: Request) -> str:
    """The `filter` of a list; empty for all.

    Raises:
        ApiError: 400, it is none.
    """
    status = request.query.get("filter", "")
    if status and status not in _STATUSES:
        message = f"'filter' must be one of {', '.join(_STATUSES)}."
        raise ApiError(400, message, code="invalid_value", param="filter")
    return status


def listed(attachments: list[Attachment], page: Wish) -> dict[str, Any]:
    paged = Paged(attachments, lambda each: each.file_id, lambda each: each.created_at)
    return paged.page(page, attachment_object)


def _names(request: Request) -> tuple[str, str]:
    store, _, file_id = request.name.partition("/")
    return store, file_id
