"""The real vLLM: its reading of flags, and checkpoints made once and kept beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boxes import podman, store
from tests.conftest import MODEL
from tests.vllm.environment import Answering, checkpoint_of_gguf

__all__ = ["podman", "store"]


@pytest.fixture(scope="session")
def smollm2_folder(weights_file: Path) -> Path:
    """The real SmolLM2 as vLLM reads it."""
    return checkpoint_of_gguf(weights_file, MODEL)


@pytest.fixture(scope="session")
def vllm_parser() -> Iterator[Answering]:
    """vLLM's own reading of flags."""
    parser = Answering("vllm_parser.py")
    yield parser
    parser.end()


@pytest.fixture(scope="session")
def vllm_registry() -> Iterator[Answering]:
    """What vLLM knows of classes of models."""
    registry = Answering("vllm_registry.py")
    yield registry
    registry.end()
