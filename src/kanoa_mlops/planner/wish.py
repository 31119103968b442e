"""What a person asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.catalog.types import EngineId, Model
from kanoa_mlops.errors import UserError

CacheType = Literal["f16", "q8_0", "fp8"]
"""How keys and values are kept. 'q8_0' is llama.cpp's 8 bits, 'fp8' vLLM's."""


@dataclass(frozen=True)
class Wish:
    """None leaves the choice to the planner."""

    weights: str | None = None
    context: int | None = None
    """Tokens of one request, prompt and answer together."""
    sequences: int | None = None
    """Requests worked on at once."""
    images: int | None = None
    """Images of one request."""
    engine: EngineId | None = None
    among: frozenset[EngineId] | None = None
    """Engines that can be run where this is for; None for all."""
    cache_bits: Literal[8, 16] | None = None
    """Of a number in the key-value cache."""
    utilization: float | None = None
    """Share of the visible memory that vLLM takes."""
    batch: int | None = None
    """Tokens computed at once: vLLM's max-num-batched-tokens, llama.cpp's micro-batch."""
    eager: bool = False
    """vLLM without CUDA graphs."""
    offload: bool = True
    """Part of the model may be left in the machine's memory, which is slow."""


def check(wish: Wish, model: Model) -> None:
    """
    Raises:
        UserError: the wish is one that no machine could fulfil.
    """
    longest = model.architecture.context
    if wish.context is not None and not 1 <= wish.context <= longest:
        raise UserError(
            f"{model.id} was trained for at most {longest} tokens of context; {wish.context} was asked for.",
            hint=f"Use --context {longest} or less.",
        )
    if wish.sequences is not None and wish.sequences < 1:
        raise UserError("At least one request at once must be allowed.", hint="Use --parallel 1 or more.")
    if wish.images and model.vision is None:
        raise UserError(
            f"{model.id} cannot see; {wish.images} images a request were asked for.",
            hint="Leave out --images, or choose a model that sees: `kanoa-mlops models` tells.",
        )
    if wish.weights and wish.weights not in (known := [each.name for each in model.weights]):
        raise UserError(
            f"{model.id} has no weights called {wish.weights!r}.", hint=f"It has: {', '.join(known)}."
        )
