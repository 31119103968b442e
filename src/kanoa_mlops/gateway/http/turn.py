"""One request on a client's connection, and the answer to it, in the messages of ASGI."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Protocol

from kanoa_mlops.gateway.http.response import Message
from kanoa_mlops.gateway.http.waiter import Waiter

HIGH_WATER = 256 * 1024
"""Bytes of a request that nobody has taken; beyond it the client has to wait."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS_LINES = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode()
    for each in HTTPStatus
    if each.value >= 200
}


class Line(Protocol):
    """The connection that a turn is on."""

    @property
    def date(self) -> bytes:
        """The header, with its line's end."""
        ...

    def write(self, data: bytes) -> None: ...

    async def drained(self) -> None:
        """Until the client has taken enough of what was written, or left."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def over(self, turn: Turn) -> None:
        """Its answer is whole."""


class Turn:
    """What the application is given as `receive` and `send`."""

    def __init__(self, line: Line, method: str, *, keep: bool, chunks: bool, wants_continue: bool) -> None:
        """
        Args:
            keep: the connection may serve another request afterwards.
            chunks: the client understands an answer in chunks.
            wants_continue: it waits for a word before it sends its body.
        """
        self.keep = keep
        self.answered = False
        self.left = False
        """The client is gone."""
        self._line = line
        self._bodiless = method == "HEAD"
        self._chunks = chunks
        self._wants_continue = wants_continue
        self._pieces: list[bytes] = []
        self._size = 0
        self._whole = self._taken = False
        self._waiter = Waiter()
        self._on_left: Callable[[], None] | None = None
        self._head: Message | None = None
        self._begun = self._in_chunks = False

    @property
    def begun(self) -> bool:
        """Something of the answer has gone out."""
        return self._begun

    # What the application calls:

    async def receive(self) -> Message:
        if self._wants_continue and not self._begun:
            self._wants_continue = False
            self._line.write(_CONTINUE)
        while not (self._pieces or (self._whole and not self._taken) or self.left or self.answered):
            self._line.resume_reading()
            await self._waiter.wait()
        if self.left or self.answered:
            return {"type": "http.disconnect"}
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._taken = self._whole
        return {"type": "http.request", "body": body, "more_body": not self._whole}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = message
            return
        await self._line.drained()
        if self.left or self.answered:
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        head = b"" if self._begun else self._begin()
        if self._in_chunks:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"" if more else b"0\r\n\r\n"
        self._line.write(head + (b"" if self._bodiless else body))
        if not more:
            self.answered = True
            self._waiter.wake()
            self._line.over(self)

    def when_left(self, told: Callable[[], None] | None) -> None:
        """Who is told once when the client goes before its answer is whole; None for nobody any more."""
        self._on_left = told
        if told and self.left:
            told()

    # What the connection calls:

    def on_body(self, piece: bytes) -> None:
        if self.answered:
            return  # nobody wants the rest
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > HIGH_WATER:
            self._line.pause_reading()
        self._waiter.wake()

    def on_whole(self) -> None:
        self._whole = True
        self._waiter.wake()

    def leave(self) -> None:
        if self.left or self.answered:
            return
        self.left = True
        self._waiter.wake()
        if self._on_left:
            self._on_left()

    def _begin(self) -> bytes:
        assert self._head is not None
        status: int = self._head["status"]
        headers: Iterable[tuple[bytes, bytes]] = self._head["headers"]
        self._begun, self._head = True, None  # a stream would hold it to its end
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, self._line.date]
        length = False
        for name, value in headers:
            if name == b"content-length":
                length = True
            elif name == b"connection" and value.lower() == b"close":
                self.keep = False
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        if not length:
            # Whoever does not know chunks takes the end of the connection for the answer's.
            self._in_chunks = self._chunks and not self._bodiless
            self.keep = self.keep and self._chunks
            if self._chunks:
                lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n" if self.keep else b"connection: close\r\n\r\n")
        return b"".join(lines)
