"""GGUF headers into models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.catalog.foreign.gguf import fits_projector, model_from_gguf, quantization_of
from kanoa_mlops.catalog.foreign.gguf_header import GgufHeader, read_gguf
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.errors import UnknownArchitecture
from tests.catalog.foreign.make import (
    GGUF_FACTS,
    MMPROJ_FACTS,
    MMPROJ_TENSORS,
    gguf_file,
    gguf_tensors,
)
from tests.conftest import MODEL


@pytest.fixture
def made(tmp_path: Path) -> Any:
    """Makes a header; facts set to None are left out."""

    def make(architecture: str = "llama", tensors: Any = None, **facts: Any) -> GgufHeader:
        named = {key.replace("__", "."): value for key, value in facts.items()}
        told = {key: value for key, value in (GGUF_FACTS | named).items() if value is not None}
        path = gguf_file(tmp_path / "made.gguf", architecture, told, tensors or gguf_tensors())
        return read_gguf(path.read_bytes())

    return make


@pytest.fixture
def projector(tmp_path: Path) -> Any:
    def make(tensors: Any = None, **facts: Any) -> GgufHeader:
        named = {f"clip.vision.{key.replace('__', '.')}": value for key, value in facts.items()}
        told = {key: value for key, value in (MMPROJ_FACTS | named).items() if value is not None}
        if kind := facts.get("kind"):
            told |= {"clip.projector_type": kind}
        path = gguf_file(tmp_path / "mmproj.gguf", "clip", told, tensors or MMPROJ_TENSORS)
        return read_gguf(path.read_bytes())

    return make


def groups(model: Model) -> list[tuple[str, int, int | None]]:
    return [(group.kind, group.layers, group.window) for group in model.architecture.attention]


def test_a_real_file_is_as_the_catalog_says(weights_file: Path, catalog: Catalog) -> None:
    with weights_file.open("rb") as file:
        found = model_from_gguf(read_gguf(file), name=weights_file.name)
    known = catalog.models[MODEL]
    aside = {"source", "hub_class", "dtype"}  # the file does not tell
    assert found.architecture.model_dump(exclude=aside) == known.architecture.model_dump(exclude=aside)
    assert found.weights[0].quantization == known.weights[0].quantization
    assert found.weights[0].size == known.weights[0].size


def test_numbers(made: Any) -> None:
    header = made()
    model = model_from_gguf(header, name="folder/My-Model.F16.gguf")
    shape = model.architecture
    assert (model.id, model.title) == ("my-model.f16.gguf", "My-Model.F16.gguf")
    assert (shape.layers, shape.hidden_size, shape.heads, shape.vocabulary) == (4, 64, 4, 1000)
    assert shape.parameters == 276_032
    assert not shape.tied_embeddings
    assert shape.attention[0].head_dim == 16
    assert model.engines.keys() == {"llama.cpp", "ollama"}
    weights = model.weights[0]
    assert (weights.format, weights.quantization, weights.size) == ("gguf", "f16", header.file_size)
    assert weights.tensors == header.bytes()
    assert weights.local[0].path == "folder/My-Model.F16.gguf"


def test_a_head_dimension_of_its_own(made: Any) -> None:
    header = made(attention__key_length=32, attention__value_length=32)
    assert model_from_gguf(header, name="a").architecture.attention[0].head_dim == 32


def test_no_output_head_is_a_tied_one(made: Any) -> None:
    assert model_from_gguf(made(tensors=gguf_tensors(head=False)), name="a").architecture.tied_embeddings


def test_experts(made: Any) -> None:
    facts = {"expert_count": 8, "expert_used_count": 2}
    model = model_from_gguf(made("qwen3moe", expert_feed_forward_length=32, **facts), name="a")
    assert model.architecture.experts is not None
    assert model.architecture.experts.model_dump() == {"count": 8, "used": 2, "feed_forward_size": 32}
    model = model_from_gguf(made("llama", **facts), name="a")  # as Mixtral's files are
    assert model.architecture.experts is not None
    assert model.architecture.experts.feed_forward_size == 128


@pytest.mark.parametrize(
    ("architecture", "facts", "attention"),
    [
        ("llama", {"attention.sliding_window": 512}, [("full", 4, None)]),
        ("gemma2", {}, [("sliding", 2, 4096), ("full", 2, None)]),
        ("olmo2", {}, [("full", 4, None)]),
        ("olmo2", {"attention.sliding_window": 512}, [("sliding", 3, 512), ("full", 1, None)]),
        ("exaone4", {"attention.sliding_window": 512}, [("full", 4, None)]),
        ("phi3", {"attention.sliding_window": 512}, [("full", 4, None)]),
        (
            "gemma3",
            {"attention.sliding_window": 512, "attention.sliding_window_pattern": [True, False, True, True]},
            [("sliding", 3, 512), ("full", 1, None)],
        ),
        (
            "gpt-oss",
            {"attention.sliding_window": 128, "attention.sliding_window_pattern": 4},
            [("sliding", 3, 128), ("full", 1, None)],
        ),
    ],
)
def test_windows(architecture: str, facts: dict[str, Any], attention: Any, tmp_path: Path) -> None:
    path = gguf_file(tmp_path / "a.gguf", architecture, GGUF_FACTS | facts, gguf_tensors())
    assert groups(model_from_gguf(read_gguf(path.read_bytes()), name="a")) == attention


def test_layers_may_differ_in_their_heads(made: Any) -> None:
    model = model_from_gguf(made(attention__head_count_kv=[1, 2, 2, 2]), name="a")
    assert [(group.layers, group.kv_heads) for group in model.architecture.attention] == [(3, 2), (1, 1)]


@pytest.mark.parametrize(
    ("architecture", "facts", "complaint"),
    [
        ("mamba2", {}, "general.architecture is 'mamba2', which is not understood"),
        ("qwen3next", {}, "'qwen3next', which is not understood"),
        ("clip", {"clip.has_vision_encoder": True}, "is a vision projector"),
        ("llama", {"ssm__state_size": 16}, "has ssm.state_size = 16"),
        ("llama", {"attention__kv_lora_rank": 512}, "has attention.kv_lora_rank = 512"),
        ("qwen3moe", {"leading_dense_block_count": 1}, "has leading_dense_block_count = 1"),
        ("llama", {"block_count": None}, r"llama.block_count is missing"),
        ("llama", {"block_count": 0}, "llama.block_count is 0"),
        ("llama", {"block_count": 1_000_000}, "which no model has"),
        ("llama", {"context_length": "long"}, "llama.context_length should be a whole number, and is 'long'"),
        ("llama", {"attention__head_count": 5}, "attention.key_length is missing"),
        ("llama", {"attention__key_length": 16, "attention__value_length": 8}, "keys and values differ"),
        ("llama", {"attention__head_count_kv": [2, 0, 2, 2]}, "some layers have no keys and values"),
        ("llama", {"attention__head_count_kv": [2, 2]}, "should be 4 whole numbers"),
        ("llama", {"feed_forward_length": [1, 2, 3, 4]}, "differs from layer to layer"),
        (
            "gemma3",
            {"attention__sliding_window": 512, "attention__sliding_window_pattern": [True]},
            "tell of 4",
        ),
        ("llama", {"general__file_type": None}, "general.file_type is missing"),
        ("llama", {"general__file_type": 24}, "its file type IQ1_S is not among the catalog's quantizations"),
        ("llama", {"general__file_type": 999}, "its file type number 999 is not among"),
    ],
)
def test_refused(architecture: str, facts: dict[str, Any], complaint: str, made: Any) -> None:
    with pytest.raises(UnknownArchitecture, match=complaint):
        model_from_gguf(made(architecture, **facts), name="a")


def test_a_file_without_an_embedding(made: Any) -> None:
    tensors = {"output_norm.weight": ((64,), "F32")}
    with pytest.raises(UnknownArchitecture, match=r"token_embd.weight is missing"):
        model_from_gguf(made(tensors=tensors), name="a")


def test_quantisation_by_file_type(made: Any) -> None:
    assert quantization_of(made(general__file_type=15)) == "q4_k_m"
    assert quantization_of(made(general__file_type=1024 + 7)) == "q8_0"
    assert quantization_of(made(general__file_type=38)) == "mxfp4-gguf"


def test_an_embedding_in_more_bits_tells_two_files_of_one_type_apart(made: Any) -> None:
    """Gemma's QAT files keep it in 16 bits."""
    assert quantization_of(made(tensors=gguf_tensors("Q4_0"), general__file_type=2)) == "q4_0"
    assert quantization_of(made(tensors=gguf_tensors("F16"), general__file_type=2)) == "q4_0-qat"


def test_quantisations_of_a_persons_own(made: Any, catalog: Catalog) -> None:
    own = catalog.quantizations["q4_1"].model_copy(update={"id": "iq1_s", "ggml": "IQ1_S"})
    assert quantization_of(made(general__file_type=24), {"iq1_s": own}) == "iq1_s"


def test_with_its_projector_a_model_sees(made: Any, projector: Any) -> None:
    mmproj = projector()
    model = model_from_gguf(made(), name="a", mmproj=mmproj)
    assert model.inputs == ("text", "image")
    assert model.vision is not None
    assert model.vision.parameters == mmproj.elements() == 32 * 3 * 14 * 14 + 32 * 32 + 64 * 32
    assert model.architecture.parameters == 276_032 + mmproj.elements()
    assert (model.vision.width, model.vision.projector, model.vision.image_size) == (64, "gemma3", 224)
    assert model.vision.image_tokens.model_dump() == {"kind": "fixed", "tokens": 16}


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"kind": "mlp"}, {"kind": "fixed", "tokens": 256}),
        (
            {"kind": "mlp", "image_grid_pinpoints": [224, 448, 448, 448, 224, 672]},
            {"kind": "tiles", "tile_size": 224, "tile_tokens": 256, "tiles": 4, "overview": True},
        ),
        (
            {"kind": "idefics3", "projector__scale_factor": 4, "preproc_image_size": 896},
            {"kind": "tiles", "tile_size": 224, "tile_tokens": 18, "tiles": 16, "overview": True},
        ),
        (
            {"kind": "internvl", "projector__scale_factor": 2},
            {"kind": "tiles", "tile_size": 224, "tile_tokens": 64, "tiles": 12, "overview": True},
        ),
        ({"kind": "qwen3vl_merger"}, {"kind": "area", "token_size": 28, "least": 8, "most": 4096}),
        (
            {"kind": "pixtral", "spatial_merge_size": 2},
            {"kind": "area", "token_size": 28, "least": 8, "most": 1056},
        ),
    ],
)
def test_projectors(facts: dict[str, Any], rule: dict[str, Any], made: Any, projector: Any) -> None:
    model = model_from_gguf(made(), name="a", mmproj=projector(**facts))
    assert model.vision is not None
    assert model.vision.image_tokens.model_dump() == rule


def test_deepstack_widens_what_is_handed_over(made: Any, projector: Any) -> None:
    mmproj = projector(kind="qwen3vl_merger", is_deepstack_layers=[True, False])
    model = model_from_gguf(made(), name="a", mmproj=mmproj)
    assert model.vision is not None
    assert model.vision.width == 128


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"kind": "resampler"}, "the projector 'resampler' is not understood"),
        ({"patch_size": None}, r"clip.vision.patch_size is missing"),
        ({"patch_size": 0}, "its numbers do not go together: patch_size is 0"),
        ({"block_count": 0}, r"clip.vision.block_count is 0"),
    ],
)
def test_projectors_that_are_refused(
    facts: dict[str, Any], complaint: str, made: Any, projector: Any
) -> None:
    with pytest.raises(UnknownArchitecture, match=complaint):
        model_from_gguf(made(), name="a", mmproj=projector(**facts))


def test_a_model_is_no_projector(made: Any) -> None:
    with pytest.raises(UnknownArchitecture, match="is no vision projector"):
        model_from_gguf(made(), name="a", mmproj=made())


def test_a_projector_fits_by_its_width(made: Any, projector: Any) -> None:
    assert fits_projector(made(), projector())
    narrow = MMPROJ_TENSORS | {"mm.input_projection.weight": ((48, 32), "F16")}
    assert not fits_projector(made(), projector(narrow))
