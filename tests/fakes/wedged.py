"""An engine that says it is well, whatever else it does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from tests.fakes.engine import FakeEngine


@dataclass
class WellEngine(FakeEngine):
    """`always` says what else it does, as 'stall before headers'."""

    counters: str | None = ""
    """What it tells at `/metrics`; None and there, too, no answer comes."""
    template_tools: bool | None = None
    """What it says at `/props`; None for an old one."""
    ill: bool = False
    """For once it says that it is not well."""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method != "GET":
            return await super()._handle(request)
        if request.path == "/health":
            return web.json_response({"status": "ok"}, status=500 if self.ill else 200)
        if request.path == "/props" and self.template_tools is not None:
            return web.json_response({"chat_template_caps": {"supports_tools": self.template_tools}})
        if request.path == "/props":
            return web.json_response({"error": "it is older"}, status=404)
        while self.counters is None:
            await asyncio.sleep(0.01)
        return web.Response(text=self.counters)
