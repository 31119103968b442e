"""Checkpoints for the real vLLM, made once and kept beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import MODEL
from tests.vllm.environment import checkpoint_of_gguf


@pytest.fixture(scope="session")
def smollm2_folder(weights_file: Path) -> Path:
    """The real SmolLM2 as vLLM reads it."""
    return checkpoint_of_gguf(weights_file, MODEL)
