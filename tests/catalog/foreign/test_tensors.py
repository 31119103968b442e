"""Headers of safetensors files, on any bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kanoa_mlops.catalog.foreign.tensors import StoredTensor, header_length, join_headers, read_header
from kanoa_mlops.errors import UnknownArchitecture
from tests.catalog.foreign.make import safetensors


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("model.layers.0.self_attn.q_proj.weight", "language"),
        ("model.embed_tokens.weight", "language"),
        ("language_model.lm_head.weight", "output"),
        ("lm_head.weight", "output"),
        ("output.weight", "output"),
        ("model.transformer.ff_out.weight", "output"),
        ("model.transformer.blocks.3.ff_out.weight", "language"),
        ("vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", "vision"),
        ("model.visual.blocks.0.attn.qkv.weight", "vision"),
        ("visual.merger.mlp.0.weight", "vision"),
        ("multi_modal_projector.linear_1.weight", "vision"),
        ("model.vision_backbone.image_vit.patch_embedding.weight", "vision"),
        ("model.connector.modality_projection.proj.weight", "vision"),
        ("mlp1.0.weight", "vision"),
        ("image_newline", "vision"),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", "buffer"),
        ("vision_tower.vision_model.embeddings.position_ids", "buffer"),
    ],
)
def test_parts(name: str, part: str) -> None:
    assert StoredTensor(name, "BF16", (2, 3)).part == part


def test_files_add_up() -> None:
    one = safetensors({"a": ("BF16", (2, 3)), "vision_tower.b": ("F32", (4,))}, data=False)
    other = safetensors({"lm_head.weight": ("BF16", (10,))}, data=False)
    facts = join_headers(read_header(body[8:], "x") for body in (one, other))
    assert (facts.size, facts.dtype) == (12 + 16 + 20, "BF16")
    assert facts.elements("language", "output") == 16
    assert facts.bytes("vision") == 16


def _header(**tensors: Any) -> bytes:
    return json.dumps(tensors).encode()


GOOD = {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 10_000,
        _header(a=1),
        _header(a={}),
        _header(a=GOOD | {"dtype": "Q4"}),
        _header(a=GOOD | {"dtype": ["BF16"]}),
        _header(a=GOOD | {"shape": [-2]}),
        _header(a=GOOD | {"shape": [2**60, 2**60]}),
        _header(a=GOOD | {"shape": "2"}),
        _header(a=GOOD | {"data_offsets": [0, 5]}),
        _header(a=GOOD | {"data_offsets": [4]}),
    ],
)
def test_what_is_no_header(header: bytes) -> None:
    with pytest.raises(UnknownArchitecture, match="its header is not that of a safetensors file"):
        read_header(header, "model.safetensors")


@pytest.mark.parametrize("start", [b"", b"short", bytes(8), b"\xff" * 8, (2**40).to_bytes(8, "little")])
def test_what_is_no_file(start: bytes) -> None:
    with pytest.raises(UnknownArchitecture, match="is no safetensors file"):
        header_length(start, "model.safetensors")
