"""The real llama.cpp asked again, for a few cases: files with holes in place of weights, its own dry run."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.fit.boot import Boot
from bench.fit.predict import predicted
from bench.fit.quantize import file_type
from bench.fit.sparse import write_sparse_gguf
from bench.fit.table import Row
from bench.fit.tokenizer import Tokenizer, pull_tokenizer
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.runtime.words import parse

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def tokenizer(catalog: Catalog) -> Tokenizer:
    return pull_tokenizer(catalog)


@pytest.mark.parametrize(
    ("model", "quantization", "context", "parallel", "cache"),
    [
        ("gemma-3-12b-it", "q4_k_m", 32768, 4, "f16"),
        ("gpt-oss-20b", "mxfp4-gguf", 131072, 1, "q8_0"),
        ("qwen3-vl-8b-instruct", "q8_0", 4096, 4, "f16"),
    ],
)
def test_a_plan_is_what_llama_cpp_would_set_aside(
    catalog: Catalog,
    tokenizer: Tokenizer,
    tmp_path: Path,
    model: str,
    quantization: str,
    context: int,
    parallel: int,
    cache: str,
) -> None:
    path = tmp_path / "model.gguf"
    kind = file_type(catalog.quantizations[quantization])
    weights = write_sparse_gguf(catalog.models[model], kind, tokenizer, path)
    words = parse(Boot(path, context, parallel, cache).dry())  # type: ignore[arg-type]
    row = Row(
        model=model,
        quantization=quantization,
        context=context,
        parallel=parallel,
        cache_type=cache,
        micro_batch=512,
        engine="",
        run="dry",
        weights=weights,
        cache=words.cache,
        sliding_cache=words.sliding_cache,
        compute=words.compute,
        output=words.output,
        projector=0,
        projector_compute=0,
    )
    pairs = predicted(row, catalog)
    for quantity, limit in {"weights": 0.01, "cache": 0.005, "compute": 0.01, "total": 0.01}.items():
        ours, theirs = pairs[quantity]
        assert theirs > 0
        assert ours == pytest.approx(theirs, rel=limit), quantity
