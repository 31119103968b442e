"""Bytes of keys and values, each attention group by the length it really keeps."""

from __future__ import annotations

from collections.abc import Callable

from kanoa_mlops.catalog.types import AttentionGroup, Model
from kanoa_mlops.planner.images import most_image_tokens
from kanoa_mlops.planner.wish import CacheType

MICRO_BATCH = 512
"""llama.cpp's default number of tokens computed at once."""
_CACHE_PAD = 256
# Bytes a number: llama.cpp's Q8_0 keeps a 16-bit scale for 32 numbers, vLLM's FP8 one scale in all.
_BYTES: dict[CacheType, float] = {"f16": 2.0, "q8_0": 34 / 32, "fp8": 1.0}
_CROSS_BYTES = 4.0
VLLM_PAGE = 16
VLLM_PAGE_CPU = 128
"""Tokens of a page of vLLM's cache: on a graphics processor, and on a processor."""


def llama_cells(group: AttentionGroup, context: int, batch: int) -> int:
    """Tokens of one sequence that llama.cpp keeps in a group's layers."""
    cells = _pad(context, _CACHE_PAD)
    # The window is rounded up so that a whole micro-batch fits beside it.
    return cells if group.window is None else min(cells, _pad(group.window + batch, _CACHE_PAD))


def llama_cache_bytes(
    model: Model, context: int, sequences: int, cache_type: CacheType, batch: int = MICRO_BATCH
) -> float:
    """What llama.cpp sets aside: the whole context of every sequence, once and for all."""
    if not model.architecture.causal:
        return 0.0
    return sum(
        sequences * _llama_cells(group, model, context, batch) * _per_cell(group, cache_type)
        for group in model.architecture.attention
    )


def vllm_cache_bytes(
    model: Model, context: int, cache_type: CacheType, batch: int, page: int = VLLM_PAGE
) -> float:
    """What one request of this length holds in vLLM's pages.

    Layers with a sliding window keep the window and one step of the batch; a page more, since a
    window seldom ends where a page does.
    """
    if not model.architecture.causal:
        return 0.0
    padded = _padded_layers(model)
    return sum(
        _vllm_pages(group, model, context, batch, page)
        * page
        * _per_cell(group, cache_type)
        * (padded(group.layers) / group.layers)
        for group in model.architecture.attention
    )


def _padded_layers(model: Model) -> Callable[[int], int]:
    """vLLM divides layers into groups of the smallest kind's size, and fills up the last of each kind."""
    counts = [group.layers for group in model.architecture.attention]
    size = max(counts) if max(counts) < 1.5 * min(counts) else min(counts)
    return lambda layers: _pad(layers, size)


def vllm_cache_tokens(model: Model, pool: float, context: int, cache_type: CacheType, batch: int) -> int:
    """The 'GPU KV cache size' vLLM prints for a pool of bytes: what it holds of requests this long."""
    return int(pool / vllm_cache_bytes(model, context, cache_type, batch) * context)


def read_bytes(model: Model, tokens: int, cache_type: CacheType) -> float:
    """What one step of decoding reads when this many tokens are in the cache."""
    total = 0.0
    for group in model.architecture.attention:
        cells = min(tokens, group.window) if group.window else tokens
        total += cells * _per_cell(group, cache_type)
    return total


def _per_cell(group: AttentionGroup, cache_type: CacheType) -> float:
    """Keys and values of one token in all layers of the group."""
    return 2 * group.layers * group.kv_heads * group.head_dim * _BYTES[cache_type]


def _llama_cells(group: AttentionGroup, model: Model, context: int, batch: int) -> float:
    if group.kind == "cross":
        # Read from the side and kept in 32 bits, whatever the cache's own type.
        return _cross_tokens(model) * _CROSS_BYTES / _BYTES["f16"]
    return llama_cells(group, context, batch)


def _vllm_pages(group: AttentionGroup, model: Model, context: int, batch: int, page: int) -> int:
    if group.kind == "cross":
        return -(-_cross_tokens(model) // page)
    if group.window is None:
        return -(-context // page)
    return -(-min(group.window - 1 + batch, context) // page) + 1


def _cross_tokens(model: Model) -> int:
    return most_image_tokens(model.vision) if model.vision else 0


def _pad(cells: int, to: int) -> int:
    return -(-cells // to) * to
