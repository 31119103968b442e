"""`kanoa-mlops restart`: the same again, whatever became of it."""

from __future__ import annotations

import click

from kanoa_mlops.cli import options
from kanoa_mlops.cli.detach import start_detached
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.serve import announce, report
from kanoa_mlops.cli.servers import pick_server
from kanoa_mlops.runtime.stop import stop_server
from kanoa_mlops.settings import load_settings


@click.command()
@options.port
@options.as_json
def command(port: int | None, as_json: bool) -> None:
    """Stop a server and serve the same again, in the background.

    Works as well after a kill or a reboot: what was served is remembered.
    """
    settings, screen = load_settings(), Screen()
    folder, record = pick_server(settings, port)
    with screen.err.status(f"Stopping {', '.join(record.models)} on port {record.port} …"):
        stop_server(folder, record)
    started = start_detached(screen, settings, folder, record.command)
    announce(screen, started)
    if as_json:
        report(screen, started)
