"""`/v1/files`."""

from __future__ import annotations

import mimetypes
import threading
from dataclasses import dataclass, field
from urllib.parse import quote

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.answering import Handler
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Answer, Response, json_response
from kanoa_mlops.gateway.library.desk import Desk
from kanoa_mlops.gateway.library.paging import Paged, wish
from kanoa_mlops.gateway.library.told import deleted, file_object
from kanoa_mlops.gateway.surfaces.given import unserved
from kanoa_mlops.grounding.archive import File, Reader

_PURPOSES = ("assistants", "user_data")
_OTHERS = ("batch", "evals", "fine-tune", "vision")
_MOST_LISTED = 10_000
_SHOWN = ("application/pdf", "image/jpeg", "image/png")
"""What a browser shows and never runs."""


@dataclass(frozen=True)
class FilesDoor:
    desk: Desk
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    """An archive takes a file whole, so there is one such in memory."""

    def handlers(self) -> dict[tuple[str, str], Handler]:
        return {
            ("POST", routes.FILES): self.upload,
            ("GET", routes.FILES): self.list,
            ("GET", routes.FILE): self.retrieve,
            ("DELETE", routes.FILE): self.delete,
            ("GET", routes.FILE_CONTENT): self.content,
        }

    async def upload(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        file = await self._received(request, exchange, reader)
        return json_response(file_object(file))

    async def list(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        page, purpose = (
            wish(request.query, usual=_MOST_LISTED, most=_MOST_LISTED),
            request.query.get("purpose"),
        )
        files = await self.desk.work(exchange, self.desk.library.files.own, reader)
        wanted = [each for each in files if purpose in (None, "", each.purpose)]
        return json_response(
            Paged(wanted, lambda each: each.id, lambda each: each.created_at).page(page, file_object)
        )

    async def retrieve(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        file = await self.desk.work(exchange, self.desk.library.files.find, reader, request.name)
        return json_response(file_object(file))

    async def delete(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        await self.desk.work(exchange, self.desk.library.files.remove, reader, request.name)
        return json_response(deleted(request.name, "file"))

    async def content(self, request: Request, exchange: Exchange) -> Answer:
        reader = await self.desk.admit(request, exchange)
        file, content = await self.desk.work(exchange, self.desk.library.files.content, reader, request.name)
        return Response(200, content, _headers(file.filename))

    async def _received(self, request: Request, exchange: Exchange, reader: Reader) -> File:
        """
        Raises:
            ApiError: 400 for what is no such form, 413 for too large a file, 507 for too small a disk.
        """
        try:
            from kanoa_mlops.gateway.library.upload import Upload, missing, most_of_form, too_large
        except ModuleNotFoundError as error:
            raise ApiError(
                501,
                'Forms are not read here: pip install "kanoa-mlops[grounding]".',
                code="not_supported",
                headers={"x-should-retry": "false"},
            ) from error
        most, library = self.desk.limits.max_file_bytes, self.desk.library
        if (request.content_length or 0) > most_of_form(most):
            raise too_large(most)
        if request.headers.get("content-encoding", "identity") != "identity":
            raise ApiError(400, "A file is sent as it is, without content-encoding.", code="bad_body")
        upload = Upload(request.headers.get("content-type", ""), library.spool, most)
        try:
            came = 0
            self.desk.wait_for_body(exchange)
            while piece := await request.piece():
                came += len(piece)
                if came > most_of_form(most):
                    raise too_large(most)
                await self.desk.work(exchange, upload.feed, piece)
                self.desk.wait_for_body(exchange)
            upload.finish()
            purpose = upload.fields.get("purpose")
            if not purpose:
                raise missing("purpose")
            if purpose not in _PURPOSES:
                raise _purpose(purpose)
            if any(name.startswith("expires_after") for name in upload.fields):
                raise unserved("Files here do not expire of themselves; delete them.", "expires_after")

            def add() -> File:
                with self._one_at_a_time:
                    upload.file.seek(0)
                    return library.files.add(reader, upload.filename or "", purpose, upload.file.read())

            return await self.desk.work(exchange, add)
        finally:
            upload.close()


def _purpose(given: str) -> ApiError:
    if given in _OTHERS:
        return unserved(f"Files of purpose {given!r} are of no use here.", "purpose")
    return ApiError(
        400, f"'purpose' must be one of {', '.join(_PURPOSES)}.", code="invalid_value", param="purpose"
    )


def _headers(filename: str) -> dict[str, str]:
    """A page of somebody's is not run as one of the gateway's."""
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind == "application/json":
        kind = "text/plain; charset=utf-8"
    elif kind not in _SHOWN:
        kind = "application/octet-stream"
    way = "attachment" if kind == "application/octet-stream" else "inline"
    return {
        "content-type": kind,
        "content-disposition": f"{way}; filename*=UTF-8''{quote(filename, safe='')}",
        "x-content-type-options": "nosniff",
    }
