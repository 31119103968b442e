"""Formulas of other tools for the memory a model needs, written anew from their description.

They compare with the number on the card's box and know neither the engine's share nor the vision tower; they
are shown because people decide by them. Each says where its formula stands.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.fit.published import Published
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Model, Quantization
from kanoa_mlops.planner.weights import derived_bytes

Formula = Callable[[Published, Catalog], float]
"""From a case to bytes needed."""
_GB, _GIB, _MIB = 10**9, 2**30, 2**20


def weights_only(row: Published, catalog: Catalog) -> float:
    """What the checkpoint holds, as `accelerate estimate-memory` says."""
    return file_bytes(catalog.models[row.model], catalog.quantizations[row.quantization])


def recipes(row: Published, catalog: Catalog) -> float:
    """vllm-project/recipes 8959cf6: the checkpoint times 1.2."""
    return weights_only(row, catalog) * 1.2


def gpustack(row: Published, catalog: Catalog) -> float:
    """gpustack 47277d7, for vLLM: the checkpoint times 1.2, and 2 GiB."""
    return weights_only(row, catalog) * 1.2 + 2 * _GIB


def llmfit(row: Published, catalog: Catalog) -> float:
    """AlexsJones/llmfit, models.rs: bytes a parameter by format, all keys and values, half a gigabyte."""
    model = catalog.models[row.model]
    bits = catalog.quantizations[row.quantization].bits.experts
    # Its table knows 32, 16, 8 and 4 bits; formats with scales are rounded up a little.
    per_parameter = 4.0 if bits > 20 else 2.0 if bits > 12 else 1.05 if bits > 7 else 0.58
    return model.architecture.parameters * per_parameter + whole_cache(model, row.context) + _GB / 2


def whichllm(row: Published, catalog: Catalog) -> float:
    """Andyyyy64/whichllm a6e0fd2, engine/vram.py: the file, half a MiB for each billion parameters and 1024
    tokens, half a gigabyte and 0.08 bytes a parameter for activations, half a gigabyte for the framework."""
    model = catalog.models[row.model]
    parameters = model.architecture.parameters
    cache = parameters / 1e9 * row.context / 1024 * _MIB / 2
    return weights_only(row, catalog) + cache + _GB / 2 + 0.08 * parameters + _GB / 2


def fitllm(row: Published, catalog: Catalog) -> float:
    """click6067-ship-it/fitllm-engine 0062036, engine.js, a card without a display: parameters at the
    format's bits and 12 %, keys and values with windows and 15 %, 30 kB a token, 0.6 GiB a card."""
    model = catalog.models[row.model]
    bits = catalog.quantizations[row.quantization].bits.experts
    parameters = model.architecture.parameters * bits / 8
    tokens = 0.00003 * row.context * _GIB
    cache = windowed_cache(model, row.context)
    return parameters * 1.12 + cache * 1.15 + tokens + 0.6 * _GIB * row.cards


FORMULAS: dict[str, Formula] = {
    "weights only": weights_only,
    "recipes x 1.2": recipes,
    "GPUStack": gpustack,
    "llmfit": llmfit,
    "whichllm": whichllm,
    "FitLLM": fitllm,
}


def says_it_fits(formula: Formula, row: Published, catalog: Catalog) -> bool:
    """The tool's verdict: what it asks for against the nominal memory of all cards."""
    memory = row.host if row.place == "cpu" else row.cards * nominal(row.visible)
    return formula(row, catalog) <= memory


def file_bytes(model: Model, quantization: Quantization) -> float:
    """Of the checkpoint, vision tower included."""
    tower = model.vision.parameters * quantization.bits.vision / 8 if model.vision else 0.0
    return derived_bytes(model, quantization) + tower


def whole_cache(model: Model, context: int) -> float:
    """Keys and values in 16 bits, every layer at full length."""
    groups = model.architecture.attention
    return sum(4.0 * each.layers * each.kv_heads * each.head_dim for each in groups) * context


def windowed_cache(model: Model, context: int) -> float:
    """The same, no more than the window where there is one."""
    return sum(
        4.0 * each.layers * each.kv_heads * each.head_dim * min(context, each.window or context)
        for each in model.architecture.attention
    )


def nominal(visible: float) -> float:
    """The number on the box, which is a whole number of gigabytes."""
    return float(min((size * _GIB for size in _SIZES if size * _GIB >= visible), default=visible))


_SIZES = (8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192)
