"""How every fake listens: on loopback, and hearing at once that a client left."""

from __future__ import annotations

from aiohttp import web


async def listen(app: web.Application, host: str = "127.0.0.1", port: int = 0) -> tuple[web.AppRunner, int]:
    """What is to be cleaned up afterwards, and the port; 0 takes a free one."""
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, int(runner.addresses[0][1])
