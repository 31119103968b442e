"""Every plan for vLLM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.engines.vllm import vllm_flags
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish

_WISHES: tuple[dict[str, Any], ...] = (
    {},
    {"cache_bits": 8, "batch": 4096, "sequences": 3, "eager": True},
    {"context": 512, "utilization": 0.5},
)


@dataclass(frozen=True)
class Planned:
    plan: Plan
    model: Model
    weights: Weights

    @property
    def flags(self) -> tuple[str, ...]:
        return vllm_flags(self.plan, self.model, self.weights)


def every_plan(catalog: Catalog) -> Iterator[Planned]:
    """Each model with each of its weights on each machine, as the pinned version would serve it."""
    engine = catalog.engines["vllm"]
    machines = [machine_of(each) for each in catalog.platforms.values() if each.host]
    for model in catalog.models.values():
        for weights in model.weights:
            if weights.format not in engine.formats:
                continue
            for machine in machines:
                for wished in _WISHES:
                    wish = Wish(engine="vllm", weights=weights.name, **wished)
                    try:
                        made = plan(model, machine, wish, catalog)
                    except DoesNotFit:
                        continue  # vLLM does not run there, or not these weights
                    if made.fits and made.engine_version == engine.version:
                        yield Planned(made, model, weights)
