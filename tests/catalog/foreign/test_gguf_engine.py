"""The table of sliding windows, against the real llama.cpp: what it sets aside for small models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench.fit.boot import Boot
from bench.fit.tokenizer import read_tokenizer
from kanoa_mlops.catalog.foreign.gguf import model_from_gguf
from kanoa_mlops.catalog.foreign.gguf_header import read_gguf
from tests.catalog.foreign.make import GGUF_FACTS, Shape, gguf_file, gguf_tensors

CONTEXT = 4096
WINDOW = 512
_CACHE = re.compile(r"llama_kv_cache: size = .* \(\s*(\d+) cells,\s*(\d+) layers")
_EPSILON = {"attention.layer_norm_rms_epsilon": 1e-6, "attention.layer_norm_epsilon": 1e-6}


def _tensors(
    layers: int, *, norms: str, head_norms: int, head: bool, fused: bool
) -> dict[str, tuple[Shape, str]]:
    tensors = gguf_tensors(layers=layers, head=head)
    for layer in range(layers):
        block = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm"):
            del tensors[f"{block}{name}.weight"]
        for name in norms.split():
            tensors[f"{block}{name}.weight"] = ((64,), "F32")
        if head_norms:
            tensors[f"{block}attn_q_norm.weight"] = ((head_norms,), "F32")
            tensors[f"{block}attn_k_norm.weight"] = ((min(head_norms, 32),), "F32")
        if fused:
            for name in ("attn_q", "attn_k", "attn_v", "ffn_gate"):
                del tensors[f"{block}{name}.weight"]
            tensors[f"{block}attn_qkv.weight"] = ((128, 64), "F16")
            tensors[f"{block}ffn_up.weight"] = ((256, 64), "F16")
    return tensors


@pytest.fixture(scope="module")
def vocabulary(weights_file: Path) -> dict[str, Any]:
    """The first thousand tokens of a real one."""
    whole = read_tokenizer(weights_file)
    tokens = whole.tokens[:1000]
    known = set(tokens)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": whole.pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": whole.types[:1000],
        "tokenizer.ggml.merges": [merge for merge in whole.merges if merge.replace(" ", "") in known],
    }


@pytest.mark.parametrize(
    ("architecture", "layers", "facts", "shape"),
    [
        ("llama", 6, {}, {"norms": "attn_norm ffn_norm", "head": True}),
        ("phi3", 6, {}, {"norms": "attn_norm ffn_norm", "head": True, "fused": True}),
        ("gemma2", 6, {}, {"norms": "attn_norm post_attention_norm ffn_norm post_ffw_norm"}),
        (
            "gemma3",
            14,
            {},
            {"norms": "attn_norm post_attention_norm ffn_norm post_ffw_norm", "head_norms": 16},
        ),
        (
            "gemma3",
            8,
            {"attention.sliding_window_pattern": [True, True, False, True, True, False, True, True]},
            {"norms": "attn_norm post_attention_norm ffn_norm post_ffw_norm", "head_norms": 16},
        ),
        ("cohere2", 8, {"logit_scale": 1.0}, {"norms": "attn_norm"}),
        ("olmo2", 8, {}, {"norms": "post_attention_norm post_ffw_norm", "head_norms": 64, "head": True}),
        ("exaone4", 8, {}, {"norms": "post_attention_norm post_ffw_norm", "head_norms": 16, "head": True}),
    ],
)
def test_windows_are_spread_as_the_engine_spreads_them(
    architecture: str,
    layers: int,
    facts: dict[str, Any],
    shape: dict[str, Any],
    vocabulary: dict[str, Any],
    tmp_path: Path,
) -> None:
    sizes = {"block_count": layers, "attention.sliding_window": WINDOW, "rope.dimension_count": 16}
    tensors = _tensors(layers, **{"head_norms": 0, "head": False, "fused": False} | shape)
    path = tmp_path / f"{architecture}.gguf"
    gguf_file(path, architecture, GGUF_FACTS | _EPSILON | vocabulary | sizes | facts, tensors)
    log = Boot(path, context=CONTEXT).real(timeout=60)
    allocated = {int(cells) == CONTEXT: int(count) for cells, count in _CACHE.findall(log)}
    model = model_from_gguf(read_gguf(path.read_bytes()), name=path.name)
    assert allocated == {group.kind == "full": group.layers for group in model.architecture.attention}
