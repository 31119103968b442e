"""Writes the compatibility matrix into README.md and docs/reference/matrix.md, and draws it.

    python -m docs.matrix

A test fails when what is written is not what the catalog and the planner say now.
"""

from __future__ import annotations

from pathlib import Path

from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import Platform
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.render.matrix import Cell, matrix
from kanoa_mlops.render.picture import draw_matrix, draw_plan
from kanoa_mlops.render.table import LEGEND, markdown, markdown_grid

ROOT = Path(__file__).parent.parent
README, REFERENCE = ROOT / "README.md", ROOT / "docs" / "reference" / "matrix.md"
IMAGES = ROOT / "docs" / "images"
BEGIN, END = "<!-- matrix: written by `python -m docs.matrix` -->", "<!-- end of matrix -->"
_INTRODUCTION = f"""\
# Models and machines

Written by `python -m docs.matrix` from the catalog and the planner: every model on every platform, as what it
would run, with how many tokens of context and how fast. Speeds are estimates for one request alone: tokens
written a second, of a model for embeddings or for ranking those read. The
status says *measured* only where somebody ran it, with the date and the machine; all else is *planned*.

{LEGEND}

![All models on all platforms](../images/matrix.svg)
"""


def readme(text: str, catalog: Catalog, cells: tuple[Cell, ...]) -> str:
    """The README's text with its matrix as it should be: the roadmap's own platforms."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    rows = [platform for platform in catalog.platforms.values() if platform.roadmap]
    chats = [model.id for model in catalog.models.values() if model.kind == "chat"]
    grid = markdown_grid(cells, rows, chats)
    return f"{before}{BEGIN}\n\n{grid}\n\n{END}{after}"


def chatting(cells: tuple[Cell, ...], catalog: Catalog) -> tuple[Cell, ...]:
    """Of models that write."""
    return tuple(cell for cell in cells if catalog.models[cell.model].kind == "chat")


def reference(cells: tuple[Cell, ...], platforms: list[Platform]) -> str:
    """The whole of docs/reference/matrix.md."""
    return f"{_INTRODUCTION}\n{markdown(cells, platforms)}\n"


def main() -> None:
    catalog = load_catalog()
    platforms = list(catalog.platforms.values())
    cells = matrix(catalog, platforms)
    README.write_text(readme(README.read_text(encoding="utf-8"), catalog, cells), encoding="utf-8")
    REFERENCE.parent.mkdir(exist_ok=True)
    REFERENCE.write_text(reference(cells, platforms), encoding="utf-8")
    draw_matrix(chatting(cells, catalog), platforms, IMAGES / "matrix.svg")
    card = machine_of(catalog.platforms["rtx-4090"])
    budget = plan(catalog.models["gemma-3-12b-it"], card, Wish(), catalog)
    draw_plan(budget, IMAGES / "budget.svg")


if __name__ == "__main__":
    main()
