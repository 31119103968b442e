"""`kanoa-mlops gateway`: the front door alone, before engines that somebody else runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

import click

from kanoa_mlops.cli import options
from kanoa_mlops.cli.loop import run, stop_on_signals
from kanoa_mlops.cli.reception import reception
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import Failure
from kanoa_mlops.gateway.config import GatewayConfig, read_config
from kanoa_mlops.gateway.hosts import is_loopback
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.runtime.lazy_log import LazyLog, Stamped
from kanoa_mlops.settings import Settings, load_settings


@click.command()
@click.option(
    "--config",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A YAML file that lists the engines; `render compose` writes one.",
)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1, this machine only]")
@options.port
def command(path: Path, host: str | None, port: int | None) -> None:
    """Answer for engines that run already, until Ctrl-C.

    Each engine is asked for its health; a model that is not ready is refused
    with the reason. The log goes to standard error, without what is asked.
    """
    screen, settings = Screen(), load_settings()
    config = read_config(path)
    host = host or settings.host
    # A file of its own: Python's is written line by line.
    log = LazyLog(os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8"))
    log.setFormatter(Stamped())
    logging.basicConfig(handlers=[log])
    logging.getLogger("kanoa_mlops").setLevel(logging.INFO)
    with contextlib.nullcontext() if config.open else reception(settings, host) as desk:
        if not is_loopback(host):
            who = "reaches it" if config.open else "has a key"
            screen.say(f"{host} is open to the network: whoever {who} may use it.")
        run(_answer(screen, settings, config, host, port or settings.port, desk))


async def _answer(
    screen: Screen, settings: Settings, config: GatewayConfig, host: str, port: int, desk: Reception | None
) -> None:
    # The server and all it needs, imported only by the process that becomes one.
    from kanoa_mlops.cli.door import open_door
    from kanoa_mlops.gateway.backends import Backends
    from kanoa_mlops.gateway.config import backend_of
    from kanoa_mlops.gateway.watch import watch

    stop = stop_on_signals()
    backends = Backends(backend_of(each) for each in config.backends)
    async with open_door(settings, backends, host, port, desk) as gateway:
        screen.say(f"Endpoint  {gateway.url}/v1    {', '.join(each.model for each in backends.all())}")
        watching = asyncio.create_task(watch(backends, config.backends))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({watching, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                raise Failure("The engines are no longer watched.") from watching.exception()
        finally:
            # Answers under way are finished first; a proxy before us waits at least as long.
            await gateway.stop(settings.drain_seconds)
            watching.cancel()
            stopped.cancel()
            await asyncio.gather(watching, stopped, return_exceptions=True)
