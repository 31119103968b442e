"""Asks engines by HTTP. Connections are kept where the engine likes that."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from urllib.parse import urlsplit

from kanoa_mlops.gateway.http.connection import Broken, Connection, request_head
from kanoa_mlops.gateway.http.way import Barred, Unreachable, WayOut, Where, connect

__all__ = ["Asking", "Barred", "Broken", "Client", "Unreachable", "WayOut"]

_SURELY_OPEN_SECONDS = 4.0
"""Idle for no longer, a connection is still there: servers in Python and Node close theirs after 5 s."""
_MOST_IDLE = 64
"""Connections kept to one address."""


class Client:
    """For as long as it is not closed. How long an answer may take, whoever asks decides."""

    def __init__(self, agent: str, out: WayOut | None = None) -> None:
        """
        Args:
            out: how to reach what is beyond the owner's machines.
        """
        self._agent = agent
        self._out = out or WayOut()
        self._idle: defaultdict[str, list[Connection]] = defaultdict(list)

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        keep: bool = False,
        beyond: bool = False,
        once: bool = False,
    ) -> Asking:
        """The answer, once its head is here. Left before its end, the connection is dropped.

        Args:
            keep: the connection may serve another request afterwards.
            beyond: it is not on the owner's machines.
            once: it is never sent again, whatever becomes of the connection that it was sent on.

        Raises:
            Unreachable: there was nobody to ask.
            Broken: the connection ended before there was an answer.
        """
        where = _split(url, beyond)
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
        return Asking(self, where, request_head(method, where.path, fields), body, keep, once)

    def close(self) -> None:
        for connection in [each for idle in self._idle.values() for each in idle]:
            connection.drop()
        self._idle.clear()

    async def answered(self, where: Where, head: bytes, body: bytes, once: bool) -> Connection:
        while kept := self._kept(where.place, _SURELY_OPEN_SECONDS if once else math.inf):
            try:
                await _ask(kept, head, body)
                return kept
            except Broken:
                # The engine closed it while it was idle, and most likely has not seen this request.
                if once or not kept.heard_nothing:
                    raise
        fresh = await connect(where, self._out)
        await _ask(fresh, head, body)
        return fresh

    def give_back(self, where: Where, connection: Connection) -> None:
        """It may serve another request, if it can."""
        idle = self._idle[where.place]
        if connection.is_idle and len(idle) < _MOST_IDLE:
            idle.append(connection)
        else:
            connection.drop()

    def _kept(self, place: str, seconds: float) -> Connection | None:
        """Idle for no longer than this."""
        idle = self._idle[place]
        while idle:
            connection = idle.pop()
            if connection.is_idle and connection.idle_seconds <= seconds:
                return connection
            connection.drop()
        return None


class Asking:
    """Around an answer."""

    def __init__(
        self, client: Client, where: Where, head: bytes, body: bytes, keep: bool, once: bool
    ) -> None:
        self._client, self._where, self._head, self._body = client, where, head, body
        self._keep, self._once = keep, once

    async def __aenter__(self) -> Connection:
        self._connection = await self._client.answered(self._where, self._head, self._body, self._once)
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


@lru_cache(maxsize=256)
def _split(url: str, beyond: bool) -> Where:
    address = urlsplit(url)
    secure = address.scheme == "https"
    return Where(
        f"{'beyond ' if beyond else ''}{address.scheme}://{address.netloc}",
        secure,
        address.hostname or "",
        address.port or (443 if secure else 80),
        address.netloc.rpartition("@")[2],
        (address.path or "/") + (f"?{address.query}" if address.query else ""),
        beyond,
    )
