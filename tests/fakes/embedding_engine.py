"""An engine of vectors that are counts of words, and that fails as it is told."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

DIMENSIONS = 64
LONGEST = 400
"""Characters; more is too long for it."""


def vector(text: str) -> list[float]:
    counts = [0.01] * DIMENSIONS
    for word in text.lower().split():
        counts[zlib.crc32(word.strip(".,:").encode()) % DIMENSIONS] += 1
    return counts


class EmbeddingEngine:
    """`failing` is the status it answers with, as often as `times`; `silent` lets it say nothing."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.failing, self.times, self.silent = 0, 0, False
        app = web.Application()
        app.router.add_post("/v1/embeddings", self._handle)
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self._server.make_url("")).rstrip("/")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _handle(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        self.keys.append(request.headers.get("authorization", ""))
        if self.silent:
            await asyncio.sleep(60)
        if self.times > 0:
            self.times -= 1
            return web.json_response({"error": {"message": "told to", "code": "told"}}, status=self.failing)
        if any(len(text) > LONGEST for text in asked["input"]):
            words = "input is too large to process. increase the physical batch size"
            return web.json_response({"error": {"message": words, "code": 500}}, status=500)
        data = [{"index": n, "embedding": vector(text)} for n, text in enumerate(asked["input"])]
        return web.json_response({"object": "list", "data": data, "model": asked["model"]})
