"""The gateway on a port. Whoever starts it owns the process, its signals, and the moment to stop."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from kanoa_mlops.gateway.app import IN_FLIGHT

_CLOSING_SECONDS = 2.0  # for connections to close once every request has ended


@dataclass(frozen=True)
class Gateway:
    """A gateway that is listening."""

    host: str
    port: int
    """The one in use, also where 0 was asked for."""
    _runner: web.AppRunner

    @property
    def url(self) -> str:
        """The base address, without `/v1`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def stop(self, grace_seconds: float) -> None:
        """Take no new requests, let the running ones finish for so long, then end them with an error."""
        try:
            for site in self._runner.sites:
                await site.stop()
            await self._runner.app[IN_FLIGHT].drain(grace_seconds)
        finally:
            await self._runner.cleanup()


async def start_gateway(app: web.Application, host: str, port: int) -> Gateway:
    """Listen on `host`:`port`; port 0 takes a free one.

    Raises:
        OSError: the port is taken or the address is not of this machine.
    """
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        access_log=None,
        logger=_http_logger(),
        shutdown_timeout=_CLOSING_SECONDS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return Gateway(host, runner.addresses[0][1], runner)


def _http_logger() -> logging.Logger:
    """For aiohttp, whose report of a malformed request quotes it, and with it perhaps a key."""
    logger = logging.Logger("kanoa_mlops.gateway.http")
    logger.parent = logging.getLogger("kanoa_mlops.gateway")
    logger.addFilter(_quotes_nobody)
    return logger


def _quotes_nobody(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
