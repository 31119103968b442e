"""Keys and values against what engines printed."""

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.planner.cache import llama_cache_bytes, vllm_cache_bytes, vllm_cache_tokens

MIB, GIB = 2**20, 2**30


@pytest.mark.parametrize(
    ("model", "context", "sequences", "mebibytes"),
    [
        # llama.cpp b11549's own 'KV buffer size', two sequences of 8192 tokens in F16.
        ("smollm2-135m-instruct", 8192, 2, 360),
        ("gemma-3-270m", 8192, 2, 48 + 30),
        # Published: ollama/ollama#10341, and #8310 where cross-attention keeps 32 bits.
        ("gemma-3-12b-it", 2048, 1, 608),
        ("llama-3.2-11b-vision-instruct", 2048, 1, 656.25),
    ],
)
def test_the_cache_is_what_llama_cpp_sets_aside(
    catalog: Catalog, model: str, context: int, sequences: int, mebibytes: float
) -> None:
    assert llama_cache_bytes(catalog.models[model], context, sequences, "f16") == mebibytes * MIB


@pytest.mark.parametrize(
    ("model", "pool", "context", "batch", "tokens"),
    [
        # Published 'GPU KV cache size' or longest context, with the pool it was for.
        ("qwen3-vl-8b-instruct", 6.94 * GIB, 262144, 4096, 50_512),
        ("gpt-oss-20b", 8_603_448_832, 131072, 4096, 338_928),
    ],
)
def test_vllm_counts_the_same_tokens(
    catalog: Catalog, model: str, pool: float, context: int, batch: int, tokens: int
) -> None:
    ours = vllm_cache_tokens(catalog.models[model], pool, context, "f16", batch)
    assert ours == pytest.approx(tokens, rel=0.001)


def test_a_sliding_window_does_not_grow_with_the_context(catalog: Catalog) -> None:
    model = catalog.models["gemma-3-27b-it"]
    short, long = (vllm_cache_bytes(model, context, "f16", 2048) for context in (32768, 131072))
    growing = 2 * 10 * 16 * 128 * 2  # ten full layers
    assert long - short == growing * (131072 - 32768)


def test_eight_bits_halve_vllm_s_cache_and_leave_llama_cpp_its_scales(catalog: Catalog) -> None:
    model = catalog.models["qwen3-vl-8b-instruct"]
    assert vllm_cache_bytes(model, 8192, "fp8", 2048) == vllm_cache_bytes(model, 8192, "f16", 2048) / 2
    ratio = llama_cache_bytes(model, 8192, 1, "q8_0") / llama_cache_bytes(model, 8192, 1, "f16")
    assert ratio == 8.5 / 16
