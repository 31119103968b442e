"""The containers that other tests stand on."""

from __future__ import annotations

import subprocess

import pytest

pytestmark = pytest.mark.containers


@pytest.mark.parametrize("tool", ["podman", "docker"])
def test_the_image_holds_the_real_llama_cpp(tool: str, llama_image: str, docker: str) -> None:
    program = ("--entrypoint", "/bin/sh", llama_image, "-c")
    asked = "echo $(ls /opt/packages); exec /app/llama-server --help"
    walls = ("--read-only", "--cap-drop", "ALL", "--user", "65534:65534")
    told = subprocess.run(
        [tool, "run", "--rm", "--pull", "never", *walls, *program, asked], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("kanoa_mlops xllamacpp\n")
    assert "--no-kv-unified" in told.stdout
