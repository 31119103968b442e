"""`kanoa-mlops pull`: weights on disk, every byte checked."""

from __future__ import annotations

import click

from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.query import find_model, find_weights
from kanoa_mlops.catalog.types import Machine, Model, Weights
from kanoa_mlops.cli import options
from kanoa_mlops.cli.choice import choose
from kanoa_mlops.cli.default import default_model
from kanoa_mlops.cli.fit import require_fit
from kanoa_mlops.cli.local import equipped_machine
from kanoa_mlops.cli.ollama_store import fetch_tag
from kanoa_mlops.cli.progress import pulled
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.settings import Settings, load_settings
from kanoa_mlops.units import format_bytes


@click.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.option(
    "--weights",
    "weights_name",
    metavar="NAME",
    help="Which of the model's weights.  [default: the best that fit]",
)
@options.anyway
@options.offline
@options.as_json
def command(
    names: tuple[str, ...], weights_name: str | None, anyway: bool, offline: bool, as_json: bool
) -> None:
    """Fetch the weights of MODELs, or of the best vision model that fits here.

    Refuses what cannot fit. Resumes what was cut, checks every byte, and does
    nothing when all is there.
    """
    screen, settings = Screen(), load_settings().offline_if(offline)
    catalog = load_catalog(settings.catalog_dir)
    machine = equipped_machine(catalog, settings)
    models = [find_model(catalog, name) for name in names]
    done = []
    for model in models or [default_model(screen, settings, catalog, machine)]:
        weights = _weights(screen, model, weights_name, machine, catalog, anyway)
        where, files = _fetch(screen, settings, model, weights)
        done.append({"model": model.id, "weights": weights.name, "tag": weights.tag, "files": files})
        if not as_json:
            screen.say(f"{model.id} {weights.name}: {where}")
    if as_json:
        screen.json(done)


def _fetch(screen: Screen, settings: Settings, model: Model, weights: Weights) -> tuple[str, list[str]]:
    """Where they are now, in words, and the files of it that are ours."""
    if weights.tag:
        fetch_tag(screen, settings, weights.tag)
        return f"{weights.tag}, in the store of the Ollama at {settings.ollama_url}", []
    files = pulled(screen, settings, model, weights)
    size = sum(file.stat().st_size for file in files)
    return f"{format_bytes(size)}, verified, in {files[0].parent}", [str(file) for file in files]


def _weights(
    screen: Screen, model: Model, name: str | None, machine: Machine, catalog: Catalog, anyway: bool
) -> Weights:
    """Those that were named, or that `serve` would run. What nothing here runs may be fetched by name."""
    try:
        made = choose(model, machine, Wish(weights=name), catalog).plan
    except DoesNotFit:
        if not name:
            raise
        made = plan(model, machine, Wish(weights=name), catalog)
    require_fit(screen, made, anyway)
    return find_weights(model, made.weights)
