"""Weights with which a gpt-oss says one thing: each word has the next in the output head, all else is 0.

What a thinking model's server makes of channels is seen only where it speaks in channels, which random
weights never do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

# Tokens of o200k_harmony, the vocabulary of gpt-oss.
ANALYSIS, FINAL = 35_644, 17_196
_ASSISTANT, _CHANNEL, _MESSAGE, _RETURN = 173_781, 200_005, 200_008, 200_002
_WORDS = (976, 7_155, 16_601, 13)
TEXT = "The sales rise."
_NEXT = {
    _ASSISTANT: _CHANNEL,
    _CHANNEL: ANALYSIS,
    ANALYSIS: _MESSAGE,
    FINAL: _MESSAGE,
    **dict(zip((_MESSAGE, *_WORDS), (*_WORDS, _RETURN), strict=True)),
}
_CERTAIN = 10.0
"""Times the root of the width: how much more likely the next word is than any other, as a logit."""


def write_gpt_oss(folder: Path, config: dict[str, Any]) -> None:
    """The model's safetensors file, in BF16."""
    tensors = dict(_tensors(config))
    header, at = {}, 0
    for name, values in tensors.items():
        size = 2 * values.size
        header[name] = {"dtype": "BF16", "shape": list(values.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in tensors.values():
            file.write((values.view(numpy.uint32) >> 16).astype(numpy.uint16).tobytes())


def _tensors(config: dict[str, Any]) -> Iterator[tuple[str, NDArray[numpy.float32]]]:
    hidden, vocabulary = config["hidden_size"], config["vocab_size"]
    yield "model.embed_tokens.weight", _rows(vocabulary, hidden, dict.fromkeys(_NEXT, 1.0))
    yield "lm_head.weight", _head(vocabulary, hidden)
    yield "model.norm.weight", numpy.ones(hidden, numpy.float32)
    for layer in range(config["num_hidden_layers"]):
        for name, shape in _layer(config).items():
            made = numpy.ones if name.endswith("norm.weight") else numpy.zeros
            yield f"model.layers.{layer}.{name}", made(shape, numpy.float32)


def _rows(vocabulary: int, hidden: int, values: dict[int, float]) -> NDArray[numpy.float32]:
    """Each of these tokens in a dimension of its own."""
    rows = numpy.zeros((vocabulary, hidden), numpy.float32)
    for dimension, (token, value) in enumerate(values.items()):
        rows[token, dimension] = value
    return rows


def _head(vocabulary: int, hidden: int) -> NDArray[numpy.float32]:
    """The token that follows, in the dimension of the one before."""
    rows = numpy.zeros((vocabulary, hidden), numpy.float32)
    for dimension, following in enumerate(_NEXT.values()):
        rows[following, dimension] = _CERTAIN
    return rows


def _layer(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    hidden, wide, experts = config["hidden_size"], config["intermediate_size"], config["num_local_experts"]
    heads = config["num_attention_heads"]
    queries, keys = heads * config["head_dim"], config["num_key_value_heads"] * config["head_dim"]
    return {
        "input_layernorm.weight": (hidden,),
        "post_attention_layernorm.weight": (hidden,),
        "self_attn.q_proj.weight": (queries, hidden),
        "self_attn.q_proj.bias": (queries,),
        "self_attn.k_proj.weight": (keys, hidden),
        "self_attn.k_proj.bias": (keys,),
        "self_attn.v_proj.weight": (keys, hidden),
        "self_attn.v_proj.bias": (keys,),
        "self_attn.o_proj.weight": (hidden, queries),
        "self_attn.o_proj.bias": (hidden,),
        "self_attn.sinks": (heads,),
        "mlp.router.weight": (experts, hidden),
        "mlp.router.bias": (experts,),
        "mlp.experts.gate_up_proj": (experts, hidden, 2 * wide),
        "mlp.experts.gate_up_proj_bias": (experts, 2 * wide),
        "mlp.experts.down_proj": (experts, wide, hidden),
        "mlp.experts.down_proj_bias": (experts, hidden),
    }
