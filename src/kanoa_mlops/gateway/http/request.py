"""A request as it comes in, and the one answer to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from kanoa_mlops.gateway.http.response import Message, Response, Send, Stream

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
ABORT = "kanoa.abort"
"""The extension by which the server lets a connection be dropped."""


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
        self._left = False

    @property
    def content_length(self) -> int | None:
        length = self.headers.get("content-length", "")
        return int(length) if length.isdecimal() else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            ClientLeft: it went away while sending.
        """
        while not self._read:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            self._read = not message.get("more_body", False)
            if body := message.get("body", b""):
                yield body

    @asynccontextmanager
    async def staying(self) -> AsyncIterator[None]:
        """While inside, and once the body is read, a client that leaves ends what is inside.

        Raises:
            ClientLeft: it did.
        """
        task = asyncio.current_task()
        assert task is not None
        watching = asyncio.create_task(self._watch(task))
        try:
            yield
        except asyncio.CancelledError:
            if not self._left:
                raise  # somebody else's
            task.uncancel()
            raise ClientLeft from None
        finally:
            watching.cancel()

    async def answer(self, response: Response, headers: Mapping[str, str]) -> None:
        """
        Args:
            headers: that every answer to this request has.
        """
        await self._send(response.head(headers))
        await self._send({"type": "http.response.body", "body": response.body})

    async def stream(self, headers: Mapping[str, str]) -> Stream:
        """An answer in pieces; its head goes out now."""
        stream = Stream(self._send)
        await stream.begin(headers)
        return stream

    def abort(self) -> None:
        """Drop the connection, whatever is still to be sent."""
        self._scope["extensions"][ABORT]()

    async def _watch(self, task: asyncio.Task[Any]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        task.cancel()
