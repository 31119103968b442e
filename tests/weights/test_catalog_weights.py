"""What the catalog lists can be served as it is fetched."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.weights.gguf_names import is_projector, part_names

GGUF = [
    pytest.param(model, weights, id=f"{model.id} {weights.name}")
    for model in load_catalog().models.values()
    for weights in model.weights
    if weights.format == "gguf"
]


@pytest.mark.parametrize(("model", "weights"), GGUF)
def test_a_model_that_sees_comes_with_its_projector_last(model: Model, weights: Weights) -> None:
    listed = weights.hub.files if weights.hub else ()
    files = [(file.name, file.role) for file in weights.files] or [(file.path, file.role) for file in listed]
    roles = [role for _, role in files]
    assert roles == ["model"] * (len(roles) - model.sees) + ["mmproj"] * model.sees
    assert [is_projector(name) for name, _ in files] == [role == "mmproj" for role in roles]
    names = [PurePosixPath(name).name for name, role in files if role == "model"]
    assert tuple(names) == part_names(names[0]), "all parts, in their order"
