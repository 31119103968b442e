"""Containers that are really run; see `tests/boxes.py`."""

from tests.boxes import docker, llama_image, ollama_image, podman, store
from tests.e2e.conftest import person, stocked

__all__ = ["docker", "llama_image", "ollama_image", "person", "podman", "stocked", "store"]
