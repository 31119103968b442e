"""Comments in a stream that has nothing to say yet, so that neither client nor proxy takes it for dead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.http.response import Stream
from kanoa_mlops.gateway.limits import Limits


class Heartbeat:
    """Around a wait. Where that is short, nothing is sent and an error may still be an HTTP error."""

    def __init__(
        self, request: Request, exchange: Exchange, limits: Limits, silent_seconds: float | None = None
    ) -> None:
        """`silent_seconds` before the first comment; those of the limits where nothing is said."""
        self._request = request
        self._exchange = exchange
        self._limits = limits
        self._silent_seconds = limits.silent_seconds if silent_seconds is None else silent_seconds
        self._words: Callable[[], str] = lambda: "waiting"
        self._beating: asyncio.Task[None] | None = None

    def tell(self, words: str | Callable[[], str]) -> None:
        """What is waited for now, or what says it whenever it is asked."""
        self._words = (lambda: words) if isinstance(words, str) else words

    async def __aenter__(self) -> Self:
        # Most waits are over at once; a timer costs them less than a task.
        self._timer = asyncio.get_running_loop().call_later(self._silent_seconds, self._begin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Something is said now, and by others. Once or twice is the same."""
        self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            self._beating = None

    def _begin(self) -> None:
        self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        stream = self._exchange.stream or await open_stream(self._request, self._exchange)
        while True:
            words = " ".join(self._words().split())  # a line feed would end the comment
            await stream.write(f": {words}\n\n".encode())
            await asyncio.sleep(self._limits.heartbeat_seconds)


async def open_stream(
    request: Request, exchange: Exchange, content_type: str = "text/event-stream"
) -> Stream:
    """Send the head of a stream; from here on an error is its last event."""
    own = {"content-type": content_type, "cache-control": "no-cache", "x-accel-buffering": "no"}
    exchange.stream = await request.stream({**own, **exchange.headers})
    return exchange.stream
