"""A vision tower with random weights for SmolLM2: the whole image path runs, only what it sees is noise."""

from __future__ import annotations

from pathlib import Path

import numpy
from gguf import GGUFReader

from bench.fit.projector import write_sparse_mmproj
from kanoa_mlops.catalog.types import Model, Vision

IMAGE_TOKENS = 256  # of a prompt, whatever the image
TOWER = {
    "tower": "random",
    "parameters": 2_000_000,
    "layers": 3,
    "hidden_size": 192,
    "feed_forward_size": 384,
    "heads": 3,
    "patch_size": 14,
    "image_size": 224,
    "projector": "mlp",
    "image_tokens": {"kind": "fixed", "tokens": f"{IMAGE_TOKENS} tokens"},
    "source": "random",
}
"""The shape of LLaVA's, much smaller."""


def write_random_mmproj(model: Model, path: Path) -> None:
    """A tower for a model that cannot see, the same one each time."""
    vision = Vision.model_validate(TOWER | {"width": model.architecture.hidden_size})
    write_sparse_mmproj(model.model_copy(update={"vision": vision}), path)
    random = numpy.random.default_rng(0)
    for tensor in GGUFReader(path, "r+").tensors:
        tensor.data[...] = random.normal(0.0, 0.02, tensor.data.shape)
