from __future__ import annotations

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.weights.gguf_names import GgufSet, best_projector, gguf_sets, named_quantization, part_names


def test_parts_belong_together() -> None:
    names = [
        "a-Q8_0-00002-of-00002.gguf",
        "a-Q8_0-00001-of-00002.gguf",
        "BF16/a-BF16-00001-of-00003.gguf",
        "a-Q4_K_M.gguf",
        "mmproj-F16.gguf",
        "README.md",
    ]
    assert gguf_sets(names) == [
        GgufSet("a-Q4_K_M.gguf", ("a-Q4_K_M.gguf",)),
        GgufSet("a-Q8_0.gguf", ("a-Q8_0-00001-of-00002.gguf", "a-Q8_0-00002-of-00002.gguf")),
    ]


def test_one_part_names_the_others() -> None:
    assert part_names("a-00002-of-00003.gguf") == tuple(f"a-0000{part}-of-00003.gguf" for part in (1, 2, 3))
    assert part_names("a.gguf") == ("a.gguf",)


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["mmproj-BF16.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf"], "mmproj-F16.gguf"),
        (["mmproj-model-f16.gguf", "a.gguf"], "mmproj-model-f16.gguf"),
        (["mmproj-Qwen3VL-8B-Instruct-Q8_0.gguf", "mmproj-Qwen3VL-8B-Instruct-F16.gguf"],
         "mmproj-Qwen3VL-8B-Instruct-F16.gguf"),
        (["gemma.mmproj-f32.gguf", "gemma.mmproj-q8_0.gguf"], "gemma.mmproj-f32.gguf"),
        (["mmproj-one-f16.gguf", "mmproj-other-f16.gguf"], None),
        (["a.gguf"], None),
    ],
)  # fmt: skip
def test_the_projector(names: list[str], best: str | None) -> None:
    assert best_projector(names) == best


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("gemma-3-12b-it-Q4_K_M.gguf", "q4_k_m"),
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "q4_1"),
        ("qwen2.5-7b-instruct-q8_0.gguf", "q8_0"),
        ("Q8_0/model-Q8_0.gguf", "q8_0"),
        ("model-F16.gguf", "f16"),
        ("model-BF16.gguf", "bf16"),
        ("gemma-3-12b-it-q4_0.gguf", "q4_0"),
        ("model-UD-Q4_K_XL.gguf", None),
        ("model-IQ4_XS.gguf", None),
        ("model-Q4_0_4_4.gguf", None),
        ("model.gguf", None),
    ],
)
def test_quantisation(name: str, quantization: str | None, catalog: Catalog) -> None:
    assert named_quantization(name, catalog.quantizations) == quantization
