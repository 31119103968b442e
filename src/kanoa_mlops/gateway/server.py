"""The gateway on a port. Whoever starts it owns the process, its signals, and the moment to stop."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.gateway.app import App
from kanoa_mlops.gateway.departure import Departure
from kanoa_mlops.gateway.http.listening import Listening, listen

_CLOSING_SECONDS = 2.0  # for connections to close once every request has ended


@dataclass(frozen=True)
class Gateway:
    """A gateway that is listening."""

    host: str
    port: int
    """The one in use, also where 0 was asked for."""
    app: App
    _departure: Departure
    _listening: Listening

    @property
    def url(self) -> str:
        """The base address, without `/v1`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def stop(self, grace_seconds: float) -> None:
        """Take no new requests, let the running ones finish for so long, then end them with an error.

        A balancer that wants to be told before is; that is of the same seconds.
        """
        told = await self._departure.give_notice(grace_seconds)
        self._listening.close()
        try:
            await self.app.in_flight.drain(grace_seconds - told)
        finally:
            await self._listening.leave(_CLOSING_SECONDS)
            self.app.close()


async def start_gateway(app: App, host: str, port: int) -> Gateway:
    """Listen on `host`:`port`; port 0 takes a free one.

    Raises:
        OSError: the port is taken or the address is not of this machine.
    """
    departure = Departure(app.handle)
    listening = await listen(departure, host, port)
    return Gateway(host, listening.port, app, departure, listening)
