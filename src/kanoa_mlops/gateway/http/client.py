"""Asks engines by HTTP. Connections are kept where the engine likes that."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from urllib.parse import urlsplit

from kanoa_mlops.gateway.http.connection import Broken, Connection, request_head

__all__ = ["Broken", "Client", "Unreachable"]

_CONNECT_SECONDS = 5.0
_MOST_IDLE = 64
"""Connections kept to one address."""


class Unreachable(Exception):
    """Nobody listens there, or the name is not known."""


class Client:
    """For as long as it is not closed. How long an answer may take, whoever asks decides."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._idle: defaultdict[str, list[Connection]] = defaultdict(list)

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        keep: bool = False,
    ) -> Asking:
        """The answer, once its head is here. Left before its end, the connection is dropped.

        Args:
            keep: the connection may serve another request afterwards.

        Raises:
            Unreachable: there was nobody to ask.
            Broken: the connection ended before there was an answer.
        """
        where = _split(url)
        fields = {
            "host": where.host,
            "user-agent": self._agent,
            "accept-encoding": "identity",
            "connection": "keep-alive" if keep else "close",
        }
        if headers:
            fields.update(headers)
        if body:
            fields["content-length"] = str(len(body))
        return Asking(self, where, request_head(method, where.path, fields), body, keep)

    def close(self) -> None:
        for connection in [each for idle in self._idle.values() for each in idle]:
            connection.drop()
        self._idle.clear()

    async def answered(self, where: Where, head: bytes, body: bytes) -> Connection:
        while kept := self._kept(where.place):
            try:
                await _ask(kept, head, body)
                return kept
            except Broken:
                # The engine closed it while it was idle, and has not seen this request.
                if not kept.heard_nothing:
                    raise
        fresh = await _connect(where)
        await _ask(fresh, head, body)
        return fresh

    def give_back(self, where: Where, connection: Connection) -> None:
        """It may serve another request, if it can."""
        idle = self._idle[where.place]
        if connection.is_idle and len(idle) < _MOST_IDLE:
            idle.append(connection)
        else:
            connection.drop()

    def _kept(self, place: str) -> Connection | None:
        idle = self._idle[place]
        while idle:
            connection = idle.pop()
            if connection.is_idle:
                return connection
        return None


class Asking:
    """Around an answer."""

    def __init__(self, client: Client, where: Where, head: bytes, body: bytes, keep: bool) -> None:
        self._client, self._where, self._head, self._body, self._keep = client, where, head, body, keep

    async def __aenter__(self) -> Connection:
        self._connection = await self._client.answered(self._where, self._head, self._body)
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keep:
            self._client.give_back(self._where, self._connection)
        else:
            self._connection.drop()


async def _ask(connection: Connection, head: bytes, body: bytes) -> None:
    try:
        await connection.ask(head, body)
    except BaseException:
        connection.drop()
        raise


async def _connect(where: Where) -> Connection:
    secure = _trust() if where.secure else None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, connection = await loop.create_connection(Connection, where.hostname, where.port, ssl=secure)
    except (OSError, TimeoutError) as error:
        raise Unreachable(str(error)) from error
    return connection


@dataclass(frozen=True)
class Where:
    """An address, taken apart."""

    place: str
    """Scheme, name and port: what a connection leads to."""
    secure: bool
    hostname: str
    port: int
    host: str
    """As a request names it."""
    path: str
    """With its query."""


@lru_cache(maxsize=256)
def _split(url: str) -> Where:
    address = urlsplit(url)
    secure = address.scheme == "https"
    return Where(
        f"{address.scheme}://{address.netloc}",
        secure,
        address.hostname or "",
        address.port or (443 if secure else 80),
        address.netloc.rpartition("@")[2],
        (address.path or "/") + (f"?{address.query}" if address.query else ""),
    )


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
