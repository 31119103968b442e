from __future__ import annotations

import pytest

from kanoa_mlops.weights.checkpoint_names import checkpoint_files

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("model.safetensors", "config.json"), ("model.safetensors",)),
        ((*SHARDS, "model.safetensors.index.json"), SHARDS),
        ((*SHARDS, "consolidated.safetensors"), SHARDS),
        (("consolidated.safetensors", "params.json"), ()),
        (("adapter_model.safetensors",), ()),
        ((*SHARDS, "original/model.safetensors"), SHARDS),
        (("model.safetensors", "vae.safetensors"), ("model.safetensors",)),
        (("one.safetensors", "other.safetensors"), ()),
        (("weights.safetensors",), ("weights.safetensors",)),
        (SHARDS[:1], ()),
        (("pytorch_model.bin",), ()),
    ],
)
def test_files_of_a_checkpoint(names: tuple[str, ...], files: tuple[str, ...]) -> None:
    assert checkpoint_files(reversed(names)) == files
