"""One connection to an engine: a request goes out, its answer comes in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

import httptools

from kanoa_mlops.gateway.http.waiter import Waiter

_HIGH_WATER = 256 * 1024
"""Bytes of an answer that nobody has taken; beyond it the engine has to wait."""
_MOST_HEAD = 256 * 1024
"""Bytes that come before it is known how an answer begins; one that sends more has no beginning."""
_PIECE = 256 * 1024
"""Bytes of a request given to the system at a time, so that a large one does not hold up everybody else."""


class Broken(Exception):
    """The connection ended before the answer did."""


class Connection(asyncio.Protocol):
    """Serves one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._heard_at = self._loop.time()
        self._writable: asyncio.Future[None] | None = None
        """While the engine takes nothing more."""
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        """Names in lower case."""
        self._pieces: list[bytes] = []
        self._size = 0
        self._ended = False
        self._heard = 0
        self._paused = False
        self._waiter = Waiter()

    @property
    def is_idle(self) -> bool:
        """Another request can go out on it."""
        return not self._closed and self._ended

    @property
    def idle_seconds(self) -> float:
        """Since something last came."""
        return self._loop.time() - self._heard_at

    @property
    def heard_nothing(self) -> bool:
        """Not a byte of an answer has come."""
        return self._heard == 0

    async def ask(self, head: bytes, body: bytes) -> None:
        """Send a request, and wait for the head of its answer.

        Raises:
            Broken: there is none.
        """
        self._begin()
        if self._transport is None or self._closed:
            raise Broken
        if len(body) <= _PIECE:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            await self._send(memoryview(body))
        while not self.status:
            await self._more()

    async def chunk(self) -> bytes:
        """What has come since the last call; nothing at the end.

        Raises:
            Broken: the rest does not come.
        """
        while not self._pieces:
            if self._ended:
                return b""
            await self._more()
        chunk = b"".join(self._pieces) if len(self._pieces) > 1 else self._pieces[0]
        self._pieces.clear()
        self._size = 0
        if self._paused and self._transport:
            self._paused = False
            self._transport.resume_reading()
        return chunk

    def drop(self) -> None:
        """At once; an engine learns by it that nobody waits for its answer."""
        self._closed = True
        if self._transport:
            self._transport.abort()

    async def _send(self, body: memoryview) -> None:
        for start in range(0, len(body), _PIECE):
            if self._writable:
                await asyncio.shield(self._writable)
            if self._closed:
                raise Broken
            assert self._transport
            self._transport.write(body[start : start + _PIECE])

    async def _more(self) -> None:
        if self._closed:
            raise Broken
        await self._waiter.wait()

    # What the event loop tells:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent

    def data_received(self, data: bytes) -> None:
        self._heard += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.drop()
        if not self.status and self._heard > _MOST_HEAD:
            self.drop()
        self._waiter.wake()

    def connection_lost(self, error: Exception | None) -> None:
        # An answer that says neither its length nor that it comes in chunks ends with the connection.
        lengthy = "content-length" in self.headers or "transfer-encoding" in self.headers
        if self.status and not lengthy and error is None and not self._closed:
            self._ended = True
        self._closed = True
        self.resume_writing()
        self._waiter.wake()
        # It holds this one, and both would stay until the collector comes by.
        del self._parser

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    # What the parser tells:

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[_lower(name)] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # a word on the way, as 100 is
            self.headers.clear()
        else:
            self.status = status

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)
        self._size += len(body)
        if self._size > _HIGH_WATER and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.status:
            self._ended = True
            self._heard_at = self._loop.time()
            if not self._parser.should_keep_alive():
                self._closed = True


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


def request_head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """
    Raises:
        ValueError: a header would end before its end.
    """
    lines = [f"{method} {path} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()], "", ""]
    head = "\r\n".join(lines)
    if not head.count("\r") == head.count("\n") == len(lines) - 1:
        raise ValueError("a line feed in a header")
    return head.encode("latin-1", "replace")
