"""An ASGI application on a port, by uvicorn's parser and flow control; its server's process is not ours."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from kanoa_mlops.gateway.http.request import ABORT

Application = Callable[[Any, Any, Any], Awaitable[None]]

_LONGEST_HEAD = 32 * 1024  # bytes; uvicorn itself sets no end
_KEEP_ALIVE_SECONDS = 75  # longer than proxies keep idle connections, so that they are who closes
_BACKLOG = 2048
# It reports what it cannot parse, and might quote a key.
logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)


class Listening:
    """A port with connections on it."""

    def __init__(self, server: asyncio.Server, state: ServerState) -> None:
        self._server, self._state = server, state
        self.port: int = server.sockets[0].getsockname()[1]
        self._tick()

    def close(self) -> None:
        """Take no new connections; those there are go on."""
        self._server.close()

    async def leave(self, seconds: float) -> None:
        """Close every connection: idle ones at once, others when they are answered, or after `seconds`."""
        self._clock.cancel()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=seconds)
        for task in set(self._state.tasks):
            task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()

    def _tick(self) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        self._clock = asyncio.get_running_loop().call_later(1, self._tick)


async def listen(app: Application, host: str, port: int) -> Listening:
    """
    Raises:
        OSError: the port is taken or the address is not of this machine.
    """
    config = Config(
        app,
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(config, state, {}), host, port, backlog=_BACKLOG
    )
    return Listening(server, state)


class _Connection(HttpToolsProtocol):
    """With a bound on the head of a request, and a way to drop the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self.scope["extensions"] = {ABORT: self.transport.abort}  # type: ignore[dict-item]

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _LONGEST_HEAD:
            raise ValueError("the head of the request is too long")
