"""Stands where a gateway would, and does as a test says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Self

from aiohttp import web

from tests.fakes.listening import listen

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Origin:
    """`async with Origin({"/v1/x": handler}) as origin: ... origin.url`. What has no handler is a 200."""

    def __init__(self, handlers: Mapping[str, Handler] | None = None) -> None:
        self._handlers = handlers or {}
        self.asked: list[str] = []
        """Paths, as they came; looks at its health are left out."""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner, self._port = await listen(app)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/":
            self.asked.append(request.raw_path)
        handler = self._handlers.get(request.path)
        return await handler(request) if handler else web.Response(text="well")


async def refuse(request: web.Request) -> web.StreamResponse:
    """As the gateway does."""
    await request.read()
    return web.Response(status=503, text="busy", headers={"retry-after": "7"})


async def refuse_in_chunks(request: web.Request) -> web.StreamResponse:
    """As the gateway never does."""
    await request.read()
    response = web.StreamResponse(status=503, headers={"retry-after": "7"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(b"busy")
    return response
