"""Asks engines by HTTP. Connections are kept where the engine likes that."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

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

    @asynccontextmanager
    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        keep: bool = False,
    ) -> AsyncIterator[Connection]:
        """The answer, once its head is here. Left before its end, the connection is dropped.

        Args:
            keep: the connection may serve another request afterwards.

        Raises:
            Unreachable: there was nobody to ask.
            Broken: the connection ended before there was an answer.
        """
        address = _split(url)
        place = f"{address.scheme}://{address.netloc}"
        head = request_head(method, _path(address), self._fields(address, headers or {}, body, keep))
        connection = await self._answered(place, address, head, body)
        try:
            yield connection
        finally:
            if keep and connection.is_idle and len(self._idle[place]) < _MOST_IDLE:
                self._idle[place].append(connection)
            else:
                connection.drop()

    def close(self) -> None:
        for connection in [each for idle in self._idle.values() for each in idle]:
            connection.drop()
        self._idle.clear()

    async def _answered(self, place: str, address: SplitResult, head: bytes, body: bytes) -> Connection:
        while kept := self._kept(place):
            try:
                await self._ask(kept, head, body)
                return kept
            except Broken:
                # The engine closed it while it was idle, and has not seen this request.
                if not kept.heard_nothing:
                    raise
        fresh = await _connect(address)
        await self._ask(fresh, head, body)
        return fresh

    async def _ask(self, connection: Connection, head: bytes, body: bytes) -> None:
        try:
            await connection.ask(head, body)
        except BaseException:
            connection.drop()
            raise

    def _kept(self, place: str) -> Connection | None:
        idle = self._idle[place]
        while idle:
            connection = idle.pop()
            if connection.is_idle:
                return connection
        return None

    def _fields(
        self, address: SplitResult, headers: Mapping[str, str], body: bytes, keep: bool
    ) -> dict[str, str]:
        return {
            "host": address.netloc.rpartition("@")[2],
            "user-agent": self._agent,
            "accept-encoding": "identity",
            "connection": "keep-alive" if keep else "close",
            **headers,
            **({"content-length": str(len(body))} if body else {}),
        }


async def _connect(address: SplitResult) -> Connection:
    secure = _trust() if address.scheme == "https" else None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, connection = await loop.create_connection(
                Connection, address.hostname or "", address.port or (443 if secure else 80), ssl=secure
            )
    except (OSError, TimeoutError) as error:
        raise Unreachable(str(error)) from error
    return connection


@lru_cache(maxsize=256)
def _split(url: str) -> SplitResult:
    return urlsplit(url)


def _path(address: SplitResult) -> str:
    return (address.path or "/") + (f"?{address.query}" if address.query else "")


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
