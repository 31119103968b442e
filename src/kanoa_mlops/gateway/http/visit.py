"""A client's connection: requests come on it one after another, and are answered in turn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, cast
from urllib.parse import unquote

import httptools

from kanoa_mlops.gateway.http.request import ABORT, WHEN_LEFT
from kanoa_mlops.gateway.http.turn import Turn

Application = Callable[[Any, Any, Any], Awaitable[None]]

_LONGEST_HEAD = 32 * 1024  # bytes
_LONGEST_UNFINISHED = 2 * _LONGEST_HEAD
"""Bytes in which neither a head nor a piece of a body comes to its end; the parser keeps them all."""
_MOST_WAITING = 64
"""Requests sent ahead on one connection. A few kB of them would else become some MB of ours."""
_log = logging.getLogger(__name__)


class Visits:
    """All connections of a port."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.loop = asyncio.get_running_loop()
        self.date = b""
        """The header of an answer that begins now."""
        self.open: set[Visit] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    def close_idle(self, seconds: float, stuck_seconds: float) -> None:
        """Those on which nothing was asked for so long, or nothing taken of what was answered."""
        now = self.loop.time()
        for visit in list(self.open):
            if visit.idle_since < now - seconds:
                visit.close()
            if visit.is_stuck(now - stuck_seconds):
                visit.abort()


class Visit(asyncio.Protocol):
    """One connection. Wants `Visits.close_idle` to be called now and then."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        # What follows the last request on a connection is not looked at, instead of spoiling its answer.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._current: Turn | None = None
        self._last: Turn | None = None
        """The one that is being read."""
        # No deque: an empty one takes 760 bytes of each connection, and mostly none waits.
        self._waiting: list[tuple[Turn, dict[str, Any]]] = []
        self._closing = self._deaf = False
        self._unfinished = 0
        self._reading = True
        self._drained: asyncio.Future[None] | None = None
        """While the client takes nothing more."""
        self.idle_since = visits.loop.time()
        """On the loop's clock; infinite while something is asked."""
        self._unread, self._unread_since = 0, self.idle_since

    @property
    def date(self) -> bytes:
        return self._visits.date

    def close(self) -> None:
        """When what was asked is answered; at once where nothing was."""
        self._closing = True
        if self._current is None:
            self._transport.close()
        else:
            self._current.keep = False

    def abort(self) -> None:
        self._transport.abort()

    def is_stuck(self, before: float) -> bool:
        """Nothing was taken of what was written since then. Wants to be asked now and then."""
        unread = self._transport.get_write_buffer_size()
        if not unread or unread != self._unread:
            self._unread, self._unread_since = unread, self._visits.loop.time()
            return False
        return self._unread_since < before

    # What a turn calls:

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    async def drained(self) -> None:
        if self._drained:
            await asyncio.shield(self._drained)

    def pause_reading(self) -> None:
        if self._reading and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    def over(self, turn: Turn) -> None:
        self._current = None
        if not turn.keep or self._closing:
            self._transport.close()
            return
        if self._waiting:
            self._begin(*self._waiting.pop(0))
        else:
            self.idle_since = self._visits.loop.time()
        if not self._waiting:
            self.resume_reading()

    # What the event loop tells:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by descent
        self._visits.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._visits.open.discard(self)
        self._waiting.clear()
        if self._current:
            self._current.leave()
        self.resume_writing()
        # Each of them holds this one, and all would stay until the collector comes by.
        self._current = self._last = None
        del self._parser

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._unfinished += len(data)
        try:
            self._parser.feed_data(data)
            if self._unfinished > _LONGEST_UNFINISHED:
                self._refuse()
        except httptools.HttpParserUpgrade:
            self._deaf = True  # whatever it wants to speak now, we do not
            self.close()
        except httptools.HttpParserError:
            if not self._deaf:
                self._refuse()

    def pause_writing(self) -> None:
        self._drained = self._visits.loop.create_future()

    def resume_writing(self) -> None:
        if self._drained and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # What the parser tells:

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._wants_continue = False

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        name = _lower(name)
        if name == b"expect" and value.lower() == b"100-continue":
            self._wants_continue = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._unfinished = 0
        if len(self._waiting) >= _MOST_WAITING:
            # The connection ends after the last that was taken; the client may ask the rest again.
            self._deaf, self._last = True, None
            self._waiting[-1][0].keep = False
        if self._deaf:
            return
        parser = self._parser
        method = parser.get_method().decode("ascii")
        recent = parser.get_http_version() != "1.0"
        turn = Turn(
            self,
            method,
            keep=recent and parser.should_keep_alive(),
            chunks=recent,
            wants_continue=self._wants_continue,
        )
        path, query = _address(self._url)
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": self._headers,
            "extensions": {ABORT: self.abort, WHEN_LEFT: turn.when_left},
        }
        self._headers = []  # those that follow a body in chunks are nobody's
        self.idle_since = float("inf")
        self._last = turn
        if self._current is None:
            self._begin(turn, scope)
        else:
            self._waiting.append((turn, scope))
            self.pause_reading()

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        if self._last:
            self._last.on_body(body)

    def on_message_complete(self) -> None:
        self._unfinished = 0
        if self._last:
            self._last.on_whole()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _LONGEST_HEAD:
            raise ValueError("the head of the request is too long")

    def _begin(self, turn: Turn, scope: dict[str, Any]) -> None:
        self._current = turn
        task = self._visits.loop.create_task(self._answer(turn, scope))
        self._visits.tasks.add(task)
        task.add_done_callback(self._visits.tasks.discard)

    async def _answer(self, turn: Turn, scope: dict[str, Any]) -> None:
        try:
            await self._visits.app(scope, turn.receive, turn.send)
        except Exception:
            _log.exception("a request was left without its answer")
        finally:
            if not turn.answered:
                self._transport.close()

    def _refuse(self) -> None:
        """Not told why: the parser's words might quote a key."""
        self._deaf = True
        if self._current is None or not self._current.begun:
            words = b"Invalid HTTP request received."
            head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\n%b" % self.date
            self._transport.write(
                b"%bcontent-length: %d\r\nconnection: close\r\n\r\n%b" % (head, len(words), words)
            )
        self._transport.close()


@lru_cache(maxsize=256)
def _lower(name: bytes) -> bytes:
    return name.lower()


@lru_cache(maxsize=256)
def _address(url: bytes) -> tuple[str, bytes]:
    """The path and the query.

    Raises:
        HttpParserError: it is no address.
    """
    parsed = httptools.parse_url(url)
    path: str = (parsed.path or b"/").decode("ascii")
    return unquote(path) if "%" in path else path, parsed.query or b""
