"""An ASGI application on a port."""

from __future__ import annotations

import asyncio
from email.utils import formatdate

from kanoa_mlops.gateway.http.visit import Application, Visit, Visits

_KEEP_ALIVE_SECONDS = 75  # longer than proxies keep idle connections, so that they are who closes
_STUCK_SECONDS = 150
"""For a client that takes nothing; requests for a model allow it less, and their log says so."""
_BACKLOG = 2048


class Listening:
    """A port with connections on it."""

    def __init__(self, server: asyncio.Server, visits: Visits) -> None:
        self._server, self._visits = server, visits
        self.port: int = server.sockets[0].getsockname()[1]
        self._tick()

    def close(self) -> None:
        """Take no new connections; those there are go on."""
        self._server.close()

    async def leave(self, seconds: float) -> None:
        """Close every connection: idle ones at once, others when they are answered, or after `seconds`."""
        self._clock.cancel()
        for visit in list(self._visits.open):
            visit.close()
        if self._visits.tasks:
            await asyncio.wait(set(self._visits.tasks), timeout=seconds)
        for task in set(self._visits.tasks):
            task.cancel()
        for visit in list(self._visits.open):
            visit.abort()

    def _tick(self) -> None:
        self._visits.date = b"date: %b\r\n" % formatdate(usegmt=True).encode()
        self._visits.close_idle(_KEEP_ALIVE_SECONDS, _STUCK_SECONDS)
        self._clock = self._visits.loop.call_later(1, self._tick)


async def listen(app: Application, host: str, port: int) -> Listening:
    """
    Raises:
        OSError: the port is taken or the address is not of this machine.
    """
    visits = Visits(app)
    server = await visits.loop.create_server(lambda: Visit(visits), host, port, backlog=_BACKLOG)
    return Listening(server, visits)
