"""The grid: every model llama.cpp serves, in every format, at common contexts, cache types and widths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from bench.fit.boot import CacheType
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Model

ENGINE = "llama.cpp"
CONTEXTS = (4096, 32768)
"""And the model's own maximum."""
CACHES: tuple[CacheType, ...] = ("f16", "q8_0")
WIDTHS = (1, 4)
"""Requests at once; each has the whole context."""
_COMMON_FORMATS = ("q4_k_m", "q8_0", "bf16")
"""Made of any model that is published in 16 bits, whoever publishes them."""
_NATIVE = "mxfp4-gguf"
"""Where the model itself is published in 4 bits, others keep this."""


@dataclass(frozen=True)
class Case:
    model: Model
    quantization: str
    context: int
    parallel: int
    cache: CacheType

    @property
    def key(self) -> tuple[str, ...]:
        return (self.model.id, self.quantization, str(self.context), str(self.parallel), self.cache)


def served(catalog: Catalog) -> list[Model]:
    """Those that write, and that llama.cpp can serve from GGUF files."""
    return [model for model in catalog.models.values() if ENGINE in model.engines and model.kind == "chat"]


def formats(model: Model) -> list[str]:
    """Quantizations: those published as GGUF, and those anybody can make."""
    published = [weights.quantization for weights in model.weights if weights.format == "gguf"]
    return list(dict.fromkeys([*published, *(() if _NATIVE in published else _COMMON_FORMATS)]))


def cases(model: Model, quantization: str) -> Iterator[Case]:
    longest = model.architecture.context
    contexts = sorted({min(context, longest) for context in (*CONTEXTS, longest)})
    for context, cache, parallel in product(contexts, CACHES, WIDTHS):
        yield Case(model, quantization, context, parallel, cache)
