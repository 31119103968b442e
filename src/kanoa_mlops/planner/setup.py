"""One complete choice: everything an engine is told, before it is asked what that takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from kanoa_mlops.catalog.types import Engine, Model, Quantization, Support, Weights
from kanoa_mlops.planner.cache import MICRO_BATCH
from kanoa_mlops.planner.wish import CacheType

Place = Literal["gpu", "unified", "cpu"]
"""Where the model is computed: on cards of their own, in one memory for all, or on the processor."""


@dataclass(frozen=True, slots=True)
class Setup:
    model: Model
    weights: Weights
    quantization: Quantization
    engine: Engine
    support: Support
    place: Place
    gpus: int
    """Cards that share the model; 1 on unified memory and on the processor."""
    context: int
    """Tokens of one request."""
    sequences: int
    """Requests worked on at once."""
    images: int
    """Images of one request."""
    cache_type: CacheType
    batch: int
    """Tokens computed at once."""
    eager: bool = False
    flash: bool = True
    """Flash attention; without it llama.cpp holds the scores of every head."""
    batch_logits: bool = False
    """Builds before llama.cpp's n_outputs_max reserved the logits of a whole micro-batch."""
    utilization: float = 0.0
    """vLLM's share of the visible memory."""
    resident_layers: int | None = None
    """Layers held on the device where not all are."""
    host_experts: int = 0
    """Layers whose experts stay in the machine's memory."""

    def with_context(self, context: int) -> Setup:
        """Tokens of one request; computed at once, where the model has to see all of a text."""
        batch = max(least_batch(self.engine), context) if self.model.reads_whole else self.batch
        return replace(self, context=context, batch=batch)

    @property
    def offloads(self) -> bool:
        return self.resident_layers is not None or self.host_experts > 0

    @property
    def images_at_once(self) -> int:
        return self.images * self.sequences


def least_batch(engine: Engine) -> int:
    """Tokens computed at once where nobody says otherwise."""
    return int(engine["batch"]) if engine.id == "vllm" else MICRO_BATCH
