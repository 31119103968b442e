"""A request as it comes in, and the one answer to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from kanoa_mlops.gateway.http.response import Message, Response, Send, Stream

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
PIECE = 256 * 1024
"""Bytes of a large answer given to the system at a time."""
ABORT = "kanoa.abort"
"""The extension by which the server lets a connection be dropped."""
WhenLeft = Callable[[Callable[[], None] | None], None]
WHEN_LEFT = "kanoa.when_left"
"""The extension by which the server tells that the client is gone, to the last who asked for that."""


class ClientLeft(Exception):
    """The client closed the connection; there is nobody to answer."""


class Request:
    """Names of headers are in lower case. Wants to be read before it is answered, or not at all."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        """Without its query, its escapes resolved."""
        self.name = ""
        """What the path names, where its route has a name."""
        self.headers: Mapping[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self._read = False

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the path's question mark; of a name that is there twice, the last."""
        given: bytes = self._scope.get("query_string", b"")
        return dict(parse_qsl(given.decode("latin-1"), keep_blank_values=True))

    @property
    def content_length(self) -> int | None:
        length = self.headers.get("content-length", "")
        return int(length) if length.isdecimal() else None

    async def piece(self) -> bytes:
        """What has come of the body since the last; nothing at its end.

        Raises:
            ClientLeft: it went away while sending.
        """
        while not self._read:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            self._read = not message.get("more_body", False)
            if body := message.get("body", b""):
                return bytes(body)
        return b""

    def staying(self) -> Staying:
        """Around what is of use only to a client that is still there, once the body is read."""
        return Staying(self._scope["extensions"][WHEN_LEFT])

    async def answer(self, response: Response, headers: Mapping[str, str]) -> None:
        """
        Args:
            headers: that every answer to this request has.
        """
        await self._send(response.head(headers))
        await self._send({"type": "http.response.body", "body": response.body})

    async def answer_slowly(
        self, response: Response, headers: Mapping[str, str], moved: Callable[[], None]
    ) -> None:
        """The same for a large one, of which no more is given to the system than the client takes.

        Args:
            moved: is told of each piece that it took.
        """
        await self._send(response.head(headers))
        body = memoryview(response.body)
        for start in range(0, len(body), PIECE):
            more = start + PIECE < len(body)
            piece = bytes(body[start : start + PIECE])
            await self._send({"type": "http.response.body", "body": piece, "more_body": more})
            moved()

    async def stream(self, headers: Mapping[str, str]) -> Stream:
        """An answer in pieces; its head goes out now."""
        stream = Stream(self._send)
        await stream.begin(headers)
        return stream

    def abort(self) -> None:
        """Drop the connection, whatever is still to be sent."""
        self._scope["extensions"][ABORT]()


class Staying:
    """A client that leaves ends what is inside.

    Raises:
        ClientLeft: it did.
    """

    def __init__(self, when_left: WhenLeft) -> None:
        self._when_left = when_left
        self._left = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._when_left(self._leave)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._when_left(None)
        if not self._left:
            return
        others = self._task.uncancel() > self._cancelling
        if kind is None or (kind is asyncio.CancelledError and not others):
            raise ClientLeft from None

    def _leave(self) -> None:
        self._left = True
        self._task.cancel()
