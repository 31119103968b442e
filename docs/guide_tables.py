"""Tables for the guides: what the roadmap's models would be on a machine, as the planner says."""

from __future__ import annotations

from collections.abc import Iterator

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import Model, Platform
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.render.table import memory
from kanoa_mlops.units import format_bytes

_FAMILIES = (
    "gemma-3",
    "gpt-oss",
    "llama-3.2-vision",
    "llava-1.5",
    "llava-1.6",
    "llava-onevision",
    "molmo",
    "qwen3-vl",
)
"""Those of the roadmap."""
_LEAST_PARAMETERS = 2e9
"""Smaller ones show that a chain works; nobody buys a machine for them."""
_HEADER = ("Model", "Verdict", "Runs as", "Memory, of what may be used", "Context", "Tokens/s")


def plans_table(name: str, catalog: Catalog) -> str:
    """All models on one platform, with all that is planned."""
    platform = catalog.platforms[name]
    rows = [_row(model, _plan(model, platform, catalog)) for model in _models(catalog)]
    title = f"{platform.title}: {memory(platform)}, `--platform {name}`"
    return "\n".join([title, "", *_table(_HEADER, rows)])


def speeds_table(names: str, catalog: Catalog) -> str:
    """All models, with a column for each of the platforms, whose names a space parts."""
    platforms = [catalog.platforms[name] for name in names.split()]
    heads = [f"{platform.title}<br>`{platform.id}`" for platform in platforms]
    rows = [
        (model.id, *(_speed(_plan(model, platform, catalog)) for platform in platforms))
        for model in _models(catalog)
    ]
    return "\n".join(_table(("Model", *heads), rows))


def _models(catalog: Catalog) -> Iterator[Model]:
    for model in catalog.models.values():
        if model.family in _FAMILIES and model.architecture.parameters >= _LEAST_PARAMETERS:
            yield model


def _plan(model: Model, platform: Platform, catalog: Catalog) -> Plan | None:
    try:
        return plan(model, machine_of(platform), Wish(), catalog)
    except DoesNotFit:
        return None


def _row(model: Model, made: Plan | None) -> tuple[str, ...]:
    if made is None:
        return (model.id, "no", "no engine runs it here", "", "", "")
    runs_as = f"{made.quantization} on {made.engine}"
    if made.verdict is Verdict.NO:
        return (model.id, "no", runs_as, _memory(made), "", "")
    return (model.id, made.verdict.value, runs_as, _memory(made), str(made.context), _interval(made))


def _memory(made: Plan) -> str:
    need = made.budget.need("device").expected * made.gpus
    pool = made.budget.pool("device")
    room = f" of {format_bytes(pool.capacity * made.gpus)}" if pool else ""
    host = made.budget.need("host").expected
    beside = f", and {format_bytes(host)} of the machine's" if made.verdict is Verdict.OFFLOAD else ""
    return f"{format_bytes(need)}{room}{beside}"


def _speed(made: Plan | None) -> str:
    if made is None or made.verdict is Verdict.NO:
        return "no"
    worse = "" if made.verdict is Verdict.FITS else f", {made.verdict.value}"
    return f"{_interval(made)}<br>{made.quantization} on {made.engine}{worse}"


def _interval(made: Plan) -> str:
    decode = made.speed.decode
    return f"{_digits(decode.low)} to {_digits(decode.high)}"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    for cells in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cells) + " |"
