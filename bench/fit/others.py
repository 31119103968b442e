"""Formulas that other tools publish for the memory a model needs, written anew from their description.

Only those whose whole formula is published are here. They compare with the number on the card's box and
know neither the engine's share nor the vision tower; they are shown because people decide by them.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.fit.published import Published
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Model, Quantization
from kanoa_mlops.planner.weights import derived_bytes

Formula = Callable[[float], float]
"""From bytes of weights to bytes needed."""
_GIB = 2**30

FORMULAS: dict[str, Formula] = {
    # accelerate estimate-memory: what the checkpoint holds.
    "weights only": lambda weights: weights,
    # vllm-project/recipes: vram_minimum_gb = ceil(GB x 1.2).
    "recipes x 1.2": lambda weights: weights * 1.2,
    # gpustack's vLLM estimate: weights x 1.2 + 2 GiB.
    "GPUStack": lambda weights: weights * 1.2 + 2 * _GIB,
}


def says_it_fits(formula: Formula, row: Published, catalog: Catalog) -> bool:
    """The tool's verdict: what it asks for against the nominal memory of all cards."""
    weights = file_bytes(catalog.models[row.model], catalog.quantizations[row.quantization])
    memory = row.host if row.place == "cpu" else row.cards * nominal(row.visible)
    return formula(weights) <= memory


def file_bytes(model: Model, quantization: Quantization) -> float:
    """Of the checkpoint, vision tower included."""
    tower = model.vision.parameters * quantization.bits.vision / 8 if model.vision else 0.0
    return derived_bytes(model, quantization) + tower


def nominal(visible: float) -> float:
    """The number on the box, which is a whole number of gigabytes."""
    return float(min((size * _GIB for size in _SIZES if size * _GIB >= visible), default=visible))


_SIZES = (8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192)
