"""`kanoa-mlops models`: what there is, and what is on disk. `models rm` frees the room."""

from __future__ import annotations

from typing import Any

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.query import find_model
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli import options
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import UserError
from kanoa_mlops.runtime.state import running_servers
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.units import format_bytes
from kanoa_mlops.weights.store import OnDisk, on_disk, remove


@click.group(invoke_without_command=True)
@options.as_json
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """The models there are, and what is on disk."""
    if context.invoked_subcommand:
        return
    settings, screen = load_settings(), Screen()
    catalog = load_catalog(settings.catalog_dir)
    held = {each.model_id: each for each in on_disk(catalog.models.values(), settings)}
    rows = [_row(model, held.get(model.id), settings) for model in catalog.models.values()]
    if as_json:
        screen.json(rows)
        return
    screen.table(
        ["", "MODEL", "PARAMS", "CONTEXT", "FIGURES", "WEIGHTS", "SIZE", "ON DISK"],
        [
            [
                "*" if row["default"] else "",
                row["id"],
                _millions(row["parameters"]),
                f"{row['context_tokens']}",
                row["figures"],
                row["weights"],
                format_bytes(row["size_bytes"]),
                _held(row),
            ]
            for row in rows
        ],
        right=["PARAMS", "CONTEXT", "SIZE"],
    )
    screen.say("* served when none is named. `kanoa-mlops pull MODEL` fetches, `models rm MODEL` frees.")
    screen.say(f"Weights are kept in {settings.weights_dir}")


@command.command("rm")
@click.argument("names", metavar="MODEL...", nargs=-1, required=True)
def rm(names: tuple[str, ...]) -> None:
    """Remove a model's weights from the disk."""
    settings, screen = load_settings(), Screen()
    catalog = load_catalog(settings.catalog_dir)
    models = [find_model(catalog, name) for name in names]
    for model in models:
        _refuse_if_served(model, settings)
        freed = remove(model, settings)
        said = f"Removed {model.id}: {format_bytes(freed)} freed." if freed else f"{model.id} is not on disk."
        screen.say(said)


def _row(model: Model, held: OnDisk | None, settings: Settings) -> dict[str, Any]:
    weights = model.weights[0]
    return {
        "id": model.id,
        "title": model.title,
        "summary": model.summary,
        "aliases": list(model.aliases),
        "default": model.id == settings.default_model,
        "parameters": model.architecture.parameters,
        "context_tokens": model.architecture.context,
        "figures": "sees" if model.sees else "reads",
        "instruct": model.instruct,
        "licence": model.licence.name,
        "weights": weights.name,
        "size_bytes": weights.size,
        "on_disk_bytes": held.bytes_whole + held.bytes_partial if held else 0,
        "complete": bool(held and held.complete),
    }


def _held(row: dict[str, Any]) -> str:
    if row["complete"]:
        return "yes"
    if row["on_disk_bytes"]:
        return f"{row['on_disk_bytes'] / row['size_bytes']:.0%}, unfinished"
    return "-"


def _millions(parameters: int) -> str:
    return f"{parameters / 1e9:.1f}B" if parameters >= 1e9 else f"{parameters / 1e6:.0f}M"


def _refuse_if_served(model: Model, settings: Settings) -> None:
    for record in running_servers(settings.servers_dir):
        if model.id in record.models:
            raise UserError(
                f"{model.id} is being served at {record.url}.",
                hint=f"Run `kanoa-mlops stop --port {record.port}` first.",
            )
