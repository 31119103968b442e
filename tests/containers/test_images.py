"""Images fetched from a registry by the real tools."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kanoa_mlops.errors import MissingExtra, OfflineError, SourceFailed, UserError
from kanoa_mlops.runtime.containers.box import Tool
from kanoa_mlops.runtime.containers.images import has_image, require_image
from kanoa_mlops.runtime.ports import free_port
from tests.boxes import Podman
from tests.containers.registry import TAG, registry

pytestmark = [pytest.mark.containers, pytest.mark.parametrize("tool", ["podman", "docker"])]


@pytest.fixture(scope="module")
def published(podman: Podman, docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image in a registry and not here; gives its name."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "file").write_text("an image")
    with tarfile.open(folder / "root.tar", "w") as archive:
        archive.add(folder / "file", "file")
    made = "localhost/kanoa-mlops-test:published"
    subprocess.run(["podman", "import", str(folder / "root.tar"), made], check=True, capture_output=True)
    save = ["podman", "save", "--format", "oci-dir", "--output", str(folder / "image"), made]
    subprocess.run(save, check=True, capture_output=True)
    subprocess.run(["podman", "rmi", made], check=True, capture_output=True)
    with registry(folder / "image", podman.registry_port) as address:
        yield f"{address}/maker/engine:{TAG}"


def test_it_is_fetched_once(tool: Tool, published: str) -> None:
    told: list[str] = []
    try:
        require_image(tool, published, told.append)
        assert has_image(tool, published)
        require_image(tool, published, lambda _: pytest.fail("it was here"), offline=True)
    finally:
        subprocess.run([tool, "rmi", published], check=True, capture_output=True)
    assert not has_image(tool, published)
    if tool == "podman":  # which, answering as Docker, keeps its progress to itself
        assert told[:2] == ["asking for it", "layer 1"]


def test_offline_nothing_is_fetched(tool: Tool, published: str) -> None:
    with pytest.raises(OfflineError) as caught:
        require_image(tool, published, print, offline=True)
    assert f"{tool} pull {published}" in caught.value.hint
    assert not has_image(tool, published)


def test_a_tag_that_is_not_there(tool: Tool, published: str) -> None:
    missing = published.replace(TAG, "bad")
    with pytest.raises(SourceFailed, match="has no"):
        require_image(tool, missing, print)


def test_a_registry_that_does_not_answer(tool: Tool, docker: str) -> None:
    with pytest.raises(SourceFailed, match="could not be reached"):
        require_image(tool, f"127.0.0.1:{free_port()}/maker/engine:1", print)


def test_a_daemon_that_does_not_run(tool: Tool, docker: str, tmp_path: Path) -> None:
    if tool == "docker":
        os.environ["DOCKER_HOST"] = f"unix://{tmp_path}/no.sock"
        with pytest.raises(UserError, match="Docker's daemon does not run"):
            require_image(tool, "localhost/x:1", print)
    else:
        os.environ["PATH"] = str(tmp_path)
        with pytest.raises(MissingExtra, match="podman is not installed"):
            require_image(tool, "localhost/x:1", print)
