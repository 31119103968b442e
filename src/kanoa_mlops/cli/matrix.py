"""`kanoa-mlops matrix`: every model on every platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.query import find_platform
from kanoa_mlops.catalog.types import Platform
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import UserError
from kanoa_mlops.render.matrix import Cell, matrix
from kanoa_mlops.render.table import LEGEND, grid, html, markdown, memory, row
from kanoa_mlops.settings import load_settings


@click.command()
@click.option(
    "--platform",
    "names",
    metavar="PLATFORM",
    multiple=True,
    help="Only this one, in detail; may be repeated.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "md", "json", "html", "png"]),
    default="table",
    show_default=True,
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where a png goes.")
def command(names: tuple[str, ...], form: str, output: Path | None) -> None:
    """All models on all platforms, planned; *measured* only where it was, with date and machine."""
    screen, catalog = Screen(), load_catalog(load_settings().catalog_dir)
    platforms = [find_platform(catalog, name) for name in names] or list(catalog.platforms.values())
    cells = matrix(catalog, platforms)
    match form:
        case "json":
            screen.json([asdict(cell) for cell in cells])
        case "md":
            screen.print(markdown(cells, platforms))
        case "html":
            screen.print(html(cells, platforms))
        case "png":
            _draw(screen, cells, platforms, output)
        case _ if names:
            _details(screen, cells, platforms)
        case _:
            _grid(screen, catalog, cells, platforms)


def _grid(screen: Screen, catalog: Catalog, cells: Sequence[Cell], platforms: Sequence[Platform]) -> None:
    """Columns are numbered, since their names would not fit beside one another."""
    numbers = [str(number) for number in range(1, len(platforms) + 1)]
    per_table = 12
    for first in range(0, len(platforms), per_table):
        part = platforms[first : first + per_table]
        heads = numbers[first : first + per_table]
        screen.table(["MODEL", *heads], grid(cells, part, list(catalog.models)))
        for number, platform in zip(heads, part, strict=True):
            screen.print(f"{number:>3}  {platform.id}: {platform.title}, {memory(platform)}")
        screen.print()
    screen.note(LEGEND)
    screen.say("* measured. `kanoa-mlops matrix --platform NAME` says as what and how fast.")


def _details(screen: Screen, cells: Sequence[Cell], platforms: Sequence[Platform]) -> None:
    for platform in platforms:
        screen.print(f"{platform.title}, {memory(platform)}")
        rows = [_detail(cell) for cell in cells if cell.platform == platform.id]
        columns = ["MODEL", "VERDICT", "CONTEXT", "TOKENS/S", "RUNS AS"]
        screen.table(columns, rows, right=["CONTEXT", "TOKENS/S"], yielding="RUNS AS")
    screen.say("Planned, where it does not say that it was measured.")


def _detail(cell: Cell) -> list[str]:
    model, outcome, runs_as, context, speed, status = row(cell)
    return [
        model,
        outcome,
        context,
        speed,
        f"{runs_as}, {status}" if status.startswith("measured") else runs_as,
    ]


def _draw(screen: Screen, cells: Sequence[Cell], platforms: Sequence[Platform], output: Path | None) -> None:
    from kanoa_mlops.render.picture import draw_matrix

    if output is None:
        raise UserError("A picture needs a file to go to.", hint="Add --output matrix.png")
    draw_matrix(cells, platforms, output)
    screen.say(f"Written to {output}.")
