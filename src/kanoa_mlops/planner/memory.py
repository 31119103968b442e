"""How much memory llama.cpp holds for a model, line by line."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.catalog.types import Architecture, AttentionGroup, Weights

_F16_BYTES = 2
_CACHE_PAD = 256
# llama.cpp rounds a sliding window's cache up so that a whole micro-batch fits beside the window.
MICRO_BATCH = 512
_F32_BYTES = 4
_RUNTIME_BYTES = 96 * 2**20
PROMPT_CACHE_BYTES = 256 * 2**20
"""Prompts llama.cpp keeps beside its slots, to be taken up again; its own default is 8 GiB."""


@dataclass(frozen=True)
class MemoryLine:
    """One part of the budget."""

    name: str
    bytes: int


def memory_lines(
    architecture: Architecture, weights: Weights, context: int, sequences: int
) -> tuple[MemoryLine, ...]:
    """What serving takes, for `sequences` requests of `context` tokens each."""
    return (
        MemoryLine("weights", weights.size),
        MemoryLine("key-value cache", cache_bytes(architecture, context, sequences)),
        MemoryLine("prompt cache", PROMPT_CACHE_BYTES),
        MemoryLine("compute", _compute_bytes(architecture)),
        MemoryLine("runtime", _RUNTIME_BYTES),
    )


def cache_bytes(architecture: Architecture, context: int, sequences: int) -> int:
    """Keys and values in F16, each attention group by its own length."""
    return sequences * sum(
        _cells(group, context) * group.layers * group.kv_heads * group.head_dim * 2 * _F16_BYTES
        for group in architecture.attention
    )


def _cells(group: AttentionGroup, context: int) -> int:
    cells = _pad(context)
    return cells if group.window is None else min(cells, _pad(group.window + MICRO_BATCH))


def _pad(cells: int) -> int:
    return -(-cells // _CACHE_PAD) * _CACHE_PAD


def _compute_bytes(architecture: Architecture) -> int:
    """Activations of one micro-batch; only the last token of a request needs its logits.

    An upper bound by the shapes, to be replaced by one held against the engine's own allocator.
    """
    activations = 8 * architecture.hidden_size + 4 * architecture.feed_forward_size
    return (activations * MICRO_BATCH + architecture.vocabulary * 4) * _F32_BYTES
