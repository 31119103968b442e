"""Every model on every platform: whether it fits, as what, how fast, and whether anybody measured it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import Measured, Model, Platform
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish

Outcome = Literal["fits", "tight", "offload", "no", "hosted"]


@dataclass(frozen=True)
class Cell:
    """One model on one platform."""

    model: str
    platform: str
    outcome: Outcome
    engine: str
    """Or the provider, where it is hosted."""
    weights: str
    context: int
    """Tokens of one request; 0 where nothing runs."""
    decode: float
    """Tokens a second, estimated; 0 where nothing runs."""
    status: str
    """'measured (date, machine)' or 'planned', never more; '' where it does not fit."""


def matrix(catalog: Catalog, platforms: Sequence[Platform]) -> tuple[Cell, ...]:
    """All models of the catalog, by platform."""
    return tuple(cell for platform in platforms for cell in _row(catalog, platform))


def _row(catalog: Catalog, platform: Platform) -> Iterator[Cell]:
    if platform.hosted:
        yield from _hosted(catalog, platform)
        return
    machine = machine_of(platform)
    for model in catalog.models.values():
        try:
            made = plan(model, machine, Wish(), catalog)
        except DoesNotFit:
            yield Cell(model.id, platform.id, "no", "", "", 0, 0.0, "")
            continue
        fits = made.verdict is not Verdict.NO
        yield Cell(
            model.id,
            platform.id,
            made.verdict.value,
            made.engine,
            made.quantization,
            made.context if fits else 0,
            made.speed.decode.expected if fits else 0.0,
            status(catalog, model, platform) if fits else "",
        )


def _hosted(catalog: Catalog, platform: Platform) -> Iterator[Cell]:
    for each in platform.hosted:
        provider = catalog.providers[each.provider].title
        yield Cell(each.model, platform.id, "hosted", provider, "", 0, 0.0, "planned")


def status(catalog: Catalog, model: Model, platform: Platform) -> str:
    """'measured' only where a run on that platform is in the catalog, with its date and machine."""
    runs = [
        (run, each.machine)
        for each in catalog.measurements.values()
        if each.platform == platform.id
        for run in each.runs
        if run.model == model.id
    ]
    if not runs:
        return "planned"
    run, machine = max(runs, key=lambda each: each[0].date)
    return f"measured ({run.date}, {machine}{_figure(run)})"


def _figure(run: Measured) -> str:
    return f": {run.decode:.0f} tokens/s" if run.decode else ""
