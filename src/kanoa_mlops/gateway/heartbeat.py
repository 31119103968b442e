"""Comments in a stream that has nothing to say yet, so that neither client nor proxy takes it for dead."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Stream
from kanoa_mlops.gateway.limits import Limits


class Heartbeat:
    """Around a wait. Where that is short, nothing is sent and an error may still be an HTTP error."""

    def __init__(self, request: Request, exchange: Exchange, limits: Limits) -> None:
        self._request = request
        self._exchange = exchange
        self._limits = limits
        self._words = "waiting"
        self._beating: asyncio.Task[None] | None = None

    def tell(self, words: str) -> None:
        """What is waited for now."""
        self._words = " ".join(words.split())  # a line feed would end the comment

    async def __aenter__(self) -> Self:
        # Most waits are over at once; a timer costs them less than a task.
        self._timer = asyncio.get_running_loop().call_later(self._limits.silent_seconds, self._begin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)

    def _begin(self) -> None:
        self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        stream = self._exchange.stream or await open_stream(self._request, self._exchange)
        while True:
            await stream.write(f": {self._words}\n\n".encode())
            await asyncio.sleep(self._limits.heartbeat_seconds)


async def open_stream(
    request: Request, exchange: Exchange, content_type: str = "text/event-stream"
) -> Stream:
    """Send the head of a stream; from here on an error is its last event."""
    own = {"content-type": content_type, "cache-control": "no-cache", "x-accel-buffering": "no"}
    exchange.stream = await request.stream({**own, **exchange.headers})
    return exchange.stream
