"""`kanoa-mlops platforms`: the machines a plan can be made for without having them."""

from __future__ import annotations

import click

from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.types import Platform
from kanoa_mlops.cli import options
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.settings import load_settings
from kanoa_mlops.units import format_bytes, format_rate


@click.command()
@options.as_json
def command(as_json: bool) -> None:
    """Machines of the catalog, for `plan --platform` and `matrix --platform`."""
    screen, catalog = Screen(), load_catalog(load_settings().catalog_dir)
    if as_json:
        screen.json([each.model_dump(mode="json") for each in catalog.platforms.values()])
        return
    screen.table(
        ["PLATFORM", "VISIBLE", "BANDWIDTH", "WHAT, AND ITS ENGINES"],
        [_row(platform, catalog) for platform in catalog.platforms.values()],
        right=["VISIBLE", "BANDWIDTH"],
        yielding="WHAT, AND ITS ENGINES",
    )
    screen.say("A file platforms/NAME.yaml in your catalog folder adds one.")


def _row(platform: Platform, catalog: Catalog) -> list[str]:
    engines = ", ".join(platform.engines)
    if card := platform.accelerator:
        many = f"{card.count} x " if card.count > 1 else ""
        sizes = [many + format_bytes(card.memory_visible), format_rate(card.bandwidth)]
    elif host := platform.host:
        sizes = [format_bytes(host.memory), format_rate(host.bandwidth)]
    else:
        hosts = dict.fromkeys(catalog.providers[each.provider].title for each in platform.hosted)
        sizes, engines = ["", ""], ", ".join(hosts)
    return [platform.id, *sizes, f"{platform.title}; {engines}"]
