"""`kanoa-mlops logs`: what the server and its engines wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.query import find_model
from kanoa_mlops.cli import options
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.servers import left_over, pick_server
from kanoa_mlops.errors import NothingServed, UnknownModel, UserError
from kanoa_mlops.runtime.containers.found import Found, find_containers
from kanoa_mlops.runtime.logs import follow, tail
from kanoa_mlops.runtime.state import ServerFolder, ServerRecord
from kanoa_mlops.settings import Settings, load_settings


@click.command()
@click.argument("model", required=False)
@click.option("-f", "--follow", "follow_on", is_flag=True, help="Go on as lines are written.")
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=40, show_default=True, help="Lines of each log."
)
@options.port
def command(model: str | None, follow_on: bool, lines: int, port: int | None) -> None:
    """What the server wrote, and its engines; or one MODEL's engine alone."""
    screen, settings = Screen(), load_settings()
    try:
        folder, record = pick_server(settings, port)
    except NothingServed:
        strays = left_over(settings, find_containers(), port)
        if not strays:
            raise
        _print_containers(screen, strays, lines)
        return
    logs = _logs(folder, record, _id(settings, model))
    for name, path in logs.items():
        if len(logs) > 1:
            screen.say(f"--- {name} ({path})")
        for line in tail(path, lines):
            screen.print(line)
    if follow_on:
        names = {path: name for name, path in logs.items()}
        for path, line in follow(names):
            screen.print(f"{names[path]}: {line}" if len(logs) > 1 else line)


def _print_containers(screen: Screen, containers: Sequence[Found], lines: int) -> None:
    """Of a server that no file tells of any more: what their tool kept."""
    for each in containers:
        screen.say(f"--- {each.box.model} (container {each.box.name}, left over)")
        for line in each.log(lines):
            screen.print(line)


def _id(settings: Settings, model: str | None) -> str | None:
    """Of a model that is called by an alias; a name that the catalog does not know stays as it is."""
    try:
        return find_model(load_catalog(settings.catalog_dir), model).id if model else None
    except UnknownModel:
        return model


def _logs(folder: ServerFolder, record: ServerRecord, model: str | None) -> dict[str, Path]:
    engines = {each: folder.engine_log(each) for each in record.models}
    if model is None:
        return {"server": folder.log} | engines
    if model not in engines:
        raise UserError(
            f"{model!r} is not served at {record.url}.", hint=f"Served there: {', '.join(engines)}."
        )
    return {model: engines[model]}
