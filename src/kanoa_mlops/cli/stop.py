"""`kanoa-mlops stop`: end a server and its engines; nothing stays behind."""

from __future__ import annotations

import click

from kanoa_mlops.cli import options
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.servers import left_over, pick_server
from kanoa_mlops.errors import NothingServed
from kanoa_mlops.runtime.containers.contained import remove
from kanoa_mlops.runtime.containers.found import find_containers
from kanoa_mlops.runtime.state import Standing, known_servers
from kanoa_mlops.runtime.stop import stop_server
from kanoa_mlops.settings import load_settings


@click.command()
@click.option("--all", "all_servers", is_flag=True, help="Every server, on whatever port.")
@options.port
@options.as_json
def command(all_servers: bool, port: int | None, as_json: bool) -> None:
    """Stop serving, and remove what a server that was killed left over. Twice is fine."""
    settings, screen = load_settings(), Screen()
    if all_servers:
        chosen = list(known_servers(settings.servers_dir))
    else:
        try:
            chosen = [pick_server(settings, port)]
        except NothingServed:
            chosen = []
    strays = left_over(settings, find_containers(), None if all_servers else port)
    for folder, record in chosen:
        was = record.standing
        with screen.err.status(f"Stopping {', '.join(record.models)} on port {record.port} …"):
            stop_server(folder, record)
        if not as_json:
            verb = "Stopped" if was is Standing.RUNNING else f"Cleared what was {was}:"
            screen.say(f"{verb} {', '.join(record.models)} on port {record.port}.")
    for each in strays:
        remove(each.box)
        if not as_json:
            screen.say(f"Removed the container {each.box.name}, which was left over.")
    if as_json:
        stopped = [{"port": record.port, "models": record.models} for _, record in chosen]
        screen.json({"stopped": stopped, "removed": [each.box.name for each in strays]})
    elif not chosen and not strays:
        screen.say("Nothing is being served.")
