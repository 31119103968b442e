"""`kanoa-mlops pull`: weights to the disk, checked."""

from __future__ import annotations

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.query import find_model, find_weights
from kanoa_mlops.cli import options
from kanoa_mlops.cli.progress import pulled
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.settings import load_settings
from kanoa_mlops.units import format_bytes


@click.command()
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@click.option("--weights", "weights_name", help="Which of the model's weights.  [default: the first]")
@options.offline
@options.as_json
def command(names: tuple[str, ...], weights_name: str | None, offline: bool, as_json: bool) -> None:
    """Fetch the weights of MODELs, or of the default one.

    Resumes what was cut, checks every byte against the catalog, and does nothing
    when all is there.
    """
    screen, settings = Screen(), load_settings().offline_if(offline)
    catalog = load_catalog(settings.catalog_dir)
    done = []
    for model in [find_model(catalog, name) for name in names or [settings.default_model]]:
        weights = find_weights(model, weights_name)
        files = pulled(screen, settings, model, weights)
        done.append({"model": model.id, "weights": weights.name, "files": [str(file) for file in files]})
        if not as_json:
            screen.say(
                f"{model.id} {weights.name}: {format_bytes(weights.size)}, verified, in {files[0].parent}"
            )
    if as_json:
        screen.json(done)
