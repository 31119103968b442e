"""The matrix as text: Markdown, HTML, or rows for a screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from kanoa_mlops.catalog.types import Platform
from kanoa_mlops.render.matrix import Cell
from kanoa_mlops.units import format_bytes

HEADER = ("Model", "Verdict", "Runs as", "Context", "Tokens/s", "Status")
GLYPHS = {"fits": "●", "tight": "◐", "offload": "○", "no": "·", "hosted": "↗"}
LEGEND = "● fits  ◐ tight  ○ with part in slower memory  ↗ hosted  · does not fit or cannot run"


def row(cell: Cell) -> tuple[str, ...]:
    """One cell as the columns of HEADER."""
    runs_as = f"{cell.weights} on {cell.engine}" if cell.weights else cell.engine
    return (
        cell.model,
        cell.outcome,
        runs_as if cell.outcome != "no" else "",
        str(cell.context) if cell.context else "",
        f"{cell.decode:.0f}" if cell.decode else "",
        cell.status,
    )


def grid(cells: Sequence[Cell], platforms: Sequence[Platform], models: Sequence[str]) -> list[list[str]]:
    """A glyph for each model (rows) on each platform (columns); an asterisk where it was measured."""
    found = {(cell.model, cell.platform): cell for cell in cells}
    return [[model, *(_glyph(found.get((model, each.id))) for each in platforms)] for model in models]


def markdown_grid(cells: Sequence[Cell], platforms: Sequence[Platform], models: Sequence[str]) -> str:
    """The grid, for a README."""
    head = ["Model", *(_heading(platform) for platform in platforms)]
    lines = [_line(head), _line(["---", *(":-:" for _ in platforms)])]
    lines += [_line(cells_of) for cells_of in grid(cells, platforms, models)]
    return "\n".join([*lines, "", f"{LEGEND}  \\* measured"])


def markdown(cells: Sequence[Cell], platforms: Sequence[Platform]) -> str:
    """A table for each platform, with everything a cell knows."""
    return "\n\n".join(_section(cells, platform) for platform in platforms)


def html(cells: Sequence[Cell], platforms: Sequence[Platform]) -> str:
    """One page that stands alone."""
    return "\n".join(
        (
            "<!doctype html>",
            '<meta charset="utf-8"><title>kanoa-mlops: models and machines</title>',
            "<style>body{font:15px/1.5 system-ui;margin:2rem}table{border-collapse:collapse}"
            "td,th{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #ddd}</style>",
            *_html_sections(cells, platforms),
        )
    )


def memory(platform: Platform) -> str:
    """What a model may use there, in words."""
    if platform.accelerator is None:
        return f"{format_bytes(platform.host.memory)} of memory" if platform.host else "hosted"
    many = f"{platform.accelerator.count} x " if platform.accelerator.count > 1 else ""
    return f"{many}{format_bytes(platform.accelerator.memory_visible)} visible"


def _glyph(cell: Cell | None) -> str:
    if cell is None:
        return GLYPHS["no"]
    return GLYPHS[cell.outcome] + ("*" if cell.status.startswith("measured") else "")


def _heading(platform: Platform) -> str:
    return f"{platform.title}<br>{memory(platform)}"


def _section(cells: Sequence[Cell], platform: Platform) -> str:
    lines = [f"## {platform.title} ({memory(platform)})", "", _line(HEADER), _line(["---"] * len(HEADER))]
    lines += [_line(row(cell)) for cell in cells if cell.platform == platform.id]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _html_sections(cells: Sequence[Cell], platforms: Sequence[Platform]) -> Iterator[str]:
    for platform in platforms:
        yield f"<h2>{escape(platform.title)} ({escape(memory(platform))})</h2><table>"
        yield "<tr>" + "".join(f"<th>{each}</th>" for each in HEADER) + "</tr>"
        for cell in cells:
            if cell.platform == platform.id:
                yield "<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row(cell)) + "</tr>"
        yield "</table>"
