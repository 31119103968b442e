"""How checkpoints say that they are quantised."""

from __future__ import annotations

from typing import Any

import pytest

from kanoa_mlops.catalog.foreign.config import model_from_config
from kanoa_mlops.catalog.foreign.published import quantization_id
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.errors import UnknownArchitecture
from tests.catalog.foreign.make import config, llama
from tests.catalog.foreign.test_config import facts

GROUP = {
    "targets": ["Linear"],
    "weights": {"num_bits": 4, "type": "int", "group_size": 128, "symmetric": True},
}
FLOAT = {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": "channel"}}


@pytest.mark.parametrize(
    ("said", "quantization"),
    [
        ({"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}, "fp8"),
        ({"quant_method": "fbgemm_fp8"}, "fp8"),
        ({"quant_method": "compressed-tensors", "config_groups": {"group_0": FLOAT}}, "fp8"),
        (
            {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"g": GROUP}},
            "gptq",
        ),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
        ({"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}, "awq"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, "gptq"),
        ({"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}, "mxfp4"),
        (config("molmo-7b-d-nf4")["quantization_config"], "bnb4"),
    ],
)
def test_known_ways(said: dict[str, Any], quantization: str, catalog: Catalog) -> None:
    assert quantization_id({"quantization_config": said}, "BF16", "config.json") == quantization
    assert quantization in catalog.quantizations


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"quant_method": "gptq", "bits": 8}, "gptq with bits 8, which is not in the catalog"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes with load_in_8bit True"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "modelopt with quant_algo NVFP4"),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"a": FLOAT, "b": GROUP}},
            "describes compressed-tensors",
        ),
        ({"bits": 4}, "describes no method by name with bits 4"),
        ("int4", "should be a mapping"),
    ],
)
def test_others_are_refused(said: object, complaint: str) -> None:
    with pytest.raises(UnknownArchitecture, match=complaint):
        quantization_id({"quantization_config": said}, "BF16", "config.json")


def test_mlx_is_refused() -> None:
    with pytest.raises(UnknownArchitecture, match="quantised for MLX"):
        quantization_id({"quantization": {"bits": 4, "group_size": 64}}, "BF16", "config.json")


@pytest.mark.parametrize(("dtype", "quantization"), [("BF16", "bf16"), ("F16", "f16"), ("F32", "f32")])
def test_not_quantised(dtype: str, quantization: str) -> None:
    assert quantization_id({}, dtype, "config.json") == quantization


def test_packed_tensors_are_bytes_and_no_count() -> None:
    """Eight numbers in one: the elements of the files say nothing of the parameters."""
    document = llama(quantization_config={"quant_method": "awq", "bits": 4})
    packed = {
        "model.embed_tokens.weight": ("F16", (1000, 64)),
        "model.layers.0.mlp.gate_proj.qweight": ("I32", (64, 16)),
        "lm_head.weight": ("F16", (1000, 64)),
    }
    model = model_from_config(document | {"torch_dtype": "float16"}, name="a", tensors=facts(packed))
    assert model.architecture.parameters == 276_032
    assert [(each.name, each.size, each.tensors) for each in model.weights] == [("awq", 260_096, 260_096)]
