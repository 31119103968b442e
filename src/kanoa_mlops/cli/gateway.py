"""`kanoa-mlops gateway`: the front door alone, before engines that somebody else runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from kanoa_mlops.cli import options
from kanoa_mlops.cli.folded import folded
from kanoa_mlops.cli.loop import run, stop_on_signals
from kanoa_mlops.cli.reception import reception
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.gateway.burst.grant import Burst
from kanoa_mlops.gateway.config import GatewayConfig, burst_in, read_config
from kanoa_mlops.gateway.hosts import is_loopback
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.reload import Stamp, stamp
from kanoa_mlops.runtime.lazy_log import LazyLog, Stamped, keep_records_short
from kanoa_mlops.settings import Settings, environment, load_settings

if TYPE_CHECKING:
    from kanoa_mlops.gateway.roster import Listed


@click.command()
@click.option(
    "--config",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A YAML file that lists the engines; `render compose` writes one.",
)
@click.option(
    "--host", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1, this machine only]"
)
@options.port
def command(path: Path, host: str | None, port: int | None) -> None:
    """Answer for engines that run already, until Ctrl-C.

    Each engine is asked for its health; a request waits for one that loads, and
    is refused with the reason where none answers. The file is read again when
    it changes. The log goes to standard error, without what is asked.

    \b
    The least that it holds, of a llama-server on its own port:
      backends:
        - model: gemma-3-12b-it
          url: http://127.0.0.1:8080
          engine: llama.cpp
          context: 8192
    """
    screen, settings = Screen(), load_settings()
    host = host or settings.host
    # A file of its own: Python's is written line by line.
    stream = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")
    log = LazyLog(stream)
    log.setFormatter(_Folded(stream) if stream.isatty() else Stamped())
    logging.basicConfig(handlers=[log])
    keep_records_short()
    logging.getLogger("kanoa_mlops").setLevel(logging.INFO)
    first = _read(settings, path)
    with contextlib.nullcontext() if first.config.open else reception(settings, host) as desk:
        if not is_loopback(host):
            who = "reaches it" if first.config.open else "has a key"
            screen.say(f"{host} is open to the network: whoever {who} may use it.")
        run(_answer(screen, settings, path, first, host, port or settings.port, desk))


class _Folded(Stamped):
    """For a person at a terminal. A file and a program take each line as it is, and fast."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def format(self, record: logging.LogRecord) -> str:
        return folded(super().format(record), self._stream)


@dataclass(frozen=True)
class _Said:
    """What the file says, with every key at hand."""

    stamp: Stamp
    """Of the file, from before it was read."""
    config: GatewayConfig
    listed: tuple[Listed, ...]
    burst: Burst


def _read(settings: Settings, path: Path) -> _Said:
    """
    Raises:
        SettingsError: it is wrong; names the line.
    """
    from kanoa_mlops.gateway.roster import listed

    before, config = stamp(path), read_config(path)
    return _Said(before, config, listed(config), _burst(settings, config) if config.burst else Burst())


def _burst(settings: Settings, config: GatewayConfig) -> Burst:
    """
    Raises:
        SettingsError: something cannot be granted; names the line.
    """
    # The catalog knows providers; who names none need not wait for it.
    from kanoa_mlops.catalog.load import load_catalog
    from kanoa_mlops.gateway.burst.secret import Secrets

    secrets = Secrets(environment(), settings.hub_token_file)
    return burst_in(config, load_catalog(settings.catalog_dir), secrets.key_of)


async def _answer(
    screen: Screen,
    settings: Settings,
    path: Path,
    first: _Said,
    host: str,
    port: int,
    desk: Reception | None,
) -> None:
    # The server and all it needs, imported only by the process that becomes one.
    from kanoa_mlops.cli.door import open_door, way_out
    from kanoa_mlops.gateway.backends import Backends
    from kanoa_mlops.gateway.beyond import Beyond
    from kanoa_mlops.gateway.line import Terms
    from kanoa_mlops.gateway.reload import reloading
    from kanoa_mlops.gateway.roster import Roster
    from kanoa_mlops.gateway.watch import Watch

    stop, backends = stop_on_signals(), Backends()

    def met(said: _Said) -> _Said:
        if desk and desk.purse:
            desk.purse.allowances.meet(said.burst.grants)
        return said

    def again(path: Path) -> _Said:
        said = _read(settings, path)
        if said.config.open != first.config.open:
            raise said.config.mistake(
                "open", "who may come in does not change while the gateway runs.", "Start it anew."
            )
        return met(said)

    met(first)
    async with open_door(settings, backends, host, port, desk) as gateway:
        roster = Roster(
            backends, Watch(backends, gateway.app.traffic, gateway.app.readings, out=way_out(settings))
        )

        def take(said: _Said) -> None:
            roster.take(said.listed)
            gateway.app.dispatcher.agree(Terms(said.config.queue.length, said.config.queue.seconds))
            if desk and desk.purse:
                Beyond(backends, desk.purse).allow(said.burst)

        take(first)
        screen.say(f"Endpoint  {gateway.url}/v1    {', '.join(each.model for each in backends.models())}")
        following = reloading(path, again, take, since=first.stamp)
        reading = asyncio.create_task(following)
        try:
            await stop.wait()
        finally:
            # Answers under way are finished first; a proxy before us waits at least as long.
            await gateway.stop(settings.drain_seconds)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await roster.close()
