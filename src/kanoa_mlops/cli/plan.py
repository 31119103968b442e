"""`kanoa-mlops plan`: what would run, what it takes, how fast, and what to change where it does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.types import EngineId
from kanoa_mlops.cli import options, wishes
from kanoa_mlops.cli.local import find_or_read, named_machine
from kanoa_mlops.cli.report import plan_document
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.show import show_plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.runtime.measured import recall
from kanoa_mlops.settings import load_settings


@click.command()
@click.argument("name", metavar="MODEL")
@click.option(
    "--platform",
    metavar="PLATFORM",
    help="A machine of the catalog instead of this one; `platforms` lists them.",
)
@click.option("--engine", type=click.Choice(get_args(EngineId)), help="[default: the fastest that fits]")
@wishes.options
@click.option("--batch", type=click.IntRange(1), hidden=True)
@click.option("--utilization", type=click.FloatRange(0.05, 1), help="Share of the card that vLLM takes.")
@click.option("--eager", is_flag=True, help="vLLM without CUDA graphs.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture: .png or .svg."
)
@options.offline
@options.as_json
def command(
    name: str, platform: str | None, plot: Path | None, offline: bool, as_json: bool, **wished: Any
) -> None:
    """Whether MODEL fits, before anything is downloaded.

    MODEL is a name of the catalog, ORG/NAME on the hub, a config.json or a .gguf
    file. Exits 1 when it does not fit.
    """
    screen, settings = Screen(), load_settings().offline_if(offline)
    catalog = load_catalog(settings.catalog_dir)
    model = find_or_read(name, catalog, settings)
    machine = named_machine(catalog, platform)
    made = plan(model, machine, wishes.wish(**wished), catalog, recall(settings.measured_dir))
    if plot:
        from kanoa_mlops.render.picture import draw_plan

        draw_plan(made, plot)
    if as_json:
        screen.json(plan_document(made, model))
    else:
        show_plan(screen, made, model)
    if not made.fits:
        raise click.exceptions.Exit(1)
