"""Every way to serve a model on a machine, the preferred first; and why the others are out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Device, Engine, Machine, Model, Quantization, Support, Weights
from kanoa_mlops.planner.setup import Place
from kanoa_mlops.planner.wish import Wish

_NEARLY_LOSSLESS = 95
"""Quality from which a better one is not worth a slower engine."""


@dataclass(frozen=True)
class Option:
    """An engine with weights that it can run here."""

    engine: Engine
    support: Support
    weights: Weights
    quantization: Quantization
    place: Place
    rank: int
    """Of the engine on this kind of device; 1 is the fastest."""

    @property
    def preference(self) -> tuple[bool, bool, int, int]:
        """Lower is better: small losses weigh less than the engine, large ones more."""
        quality = self.quantization.quality
        # An engine that dropped the model serves it in an old version only: the last resort.
        return (bool(self.support.until), quality < _NEARLY_LOSSLESS, self.rank, -quality)


@dataclass(frozen=True)
class Refusal:
    """Why an engine or weights cannot be used here."""

    what: str
    why: str


def options(
    model: Model, machine: Machine, wish: Wish, catalog: Catalog
) -> tuple[list[Option], list[Refusal]]:
    """Those that the wish allows, the preferred first."""
    found: list[Option] = []
    refused: list[Refusal] = []
    for engine in catalog.engines.values():
        if wish.engine not in (None, engine.id):
            continue
        device = _device(engine, machine)
        if why := _engine_refusal(engine, model, device, machine) or _absence(engine, wish):
            refused.append(Refusal(engine.title, why))
            continue
        assert device is not None
        runnable = list(_runnable(engine, model, wish))
        if not runnable:
            refused.append(Refusal(engine.title, _unread(model, wish)))
        for weights in runnable:
            quantization = catalog.quantizations[weights.quantization]
            refusals = {**machine.refuses, **engine.refuses.get(device, {})}
            if why := refusals.get(quantization.id, ""):
                refused.append(Refusal(f"{engine.title} with {quantization.title}", why))
                continue
            place: Place = "cpu" if device == "cpu" else "unified" if machine.unified else "gpu"
            found.append(
                Option(engine, model.engines[engine.id], weights, quantization, place, engine.devices[device])
            )
    found.sort(key=lambda option: option.preference)
    return found, refused


def _device(engine: Engine, machine: Machine) -> Device | None:
    if machine.accelerators and (vendor := machine.accelerators[0].vendor) in engine.devices:
        return vendor
    return "cpu" if "cpu" in engine.devices and not machine.accelerators else None


def _engine_refusal(engine: Engine, model: Model, device: Device | None, machine: Machine) -> str:
    support = model.engines.get(engine.id)
    if support is None:
        return f"it cannot serve {model.title}"
    if device is None:
        what = machine.accelerators[0].name if machine.accelerators else "a processor alone"
        return f"it does not run on {what}"
    return ""


def _absence(engine: Engine, wish: Wish) -> str:
    here = wish.among is None or engine.id in wish.among
    return "" if here else "nothing that runs it is installed here"


def _unread(model: Model, wish: Wish) -> str:
    if wish.weights:
        return f"it does not read the weights {wish.weights}"
    return f"it reads none of the model's weights ({', '.join(each.name for each in model.weights)})"


def _runnable(engine: Engine, model: Model, wish: Wish) -> Iterator[Weights]:
    """Weights in a format of the engine's own first; of others only where it has none of its own."""
    fitting = [
        weights
        for weights in model.weights
        if weights.format in engine.formats
        and weights.quantization in engine.quantizations
        and wish.weights in (None, weights.name)
    ]
    own = [weights for weights in fitting if weights.format == engine.formats[0]]
    yield from own or fitting
