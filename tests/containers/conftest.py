"""Containers that are really run; see `tests/boxes.py`."""

from tests.boxes import docker, llama_image, podman, store

__all__ = ["docker", "llama_image", "podman", "store"]
