"""Docker and Podman."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.catalog.types import ContainerRuntime
from kanoa_mlops.hardware.containers import find_docker, find_podman
from kanoa_mlops.hardware.findings import Findings
from tests.hardware.recorded import laid_out

CDI = {"/etc/cdi/nvidia.yaml": "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n"}
ROCM = {"/dev/kfd": "", "/dev/dri/renderD128": ""}
# As Docker's client 28.2.2 answers without a daemon, shortened.
NO_DAEMON = {"ServerVersion": "", "Runtimes": None, "CDISpecDirs": None, "ClientInfo": {"Version": "28.2.2"}}


def docker(folder: Path, said: object, problem: str = "", **machine: Any) -> ContainerRuntime:
    output = said if isinstance(said, str) else json.dumps(said)
    commands = {"docker info": {"output": output, "problem": problem}, **machine.pop("commands", {})}
    (runtime,) = find_docker(laid_out({"commands": commands, **machine}, folder)).runtimes
    return runtime


def test_a_daemon_that_is_down_is_told_in_dockers_words(tmp_path: Path) -> None:
    words = "failed: Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
    runtime = docker(tmp_path, NO_DAEMON, words, files=CDI)
    assert runtime == ContainerRuntime(name="docker", version="28.2.2", gpu="", problem=words)


def test_nonsense_and_silence_are_problems(tmp_path: Path) -> None:
    assert docker(tmp_path, "segfault", "failed: oh").problem == "failed: oh"
    assert docker(tmp_path, "segfault").problem == "gave an answer that makes no sense"


@pytest.mark.parametrize(
    ("said", "machine", "gpu"),
    [
        ({"Runtimes": {"nvidia": {}, "runc": {}}}, {"files": CDI}, "nvidia"),
        ({}, {"commands": {"nvidia-container-runtime-hook": {"output": ""}}}, "nvidia"),
        ({"CDISpecDirs": ["/etc/cdi"]}, {"files": CDI}, "cdi"),
        ({"CDISpecDirs": []}, {"files": CDI}, ""),
        ({"CDISpecDirs": ["/etc/cdi"]}, {"files": {"/etc/cdi/net.yaml": "kind: vendor.com/net\n"}}, ""),
        ({}, {"files": ROCM}, "devices"),
        ({}, {}, ""),
    ],
)
def test_the_way_to_the_graphics_is_told(
    said: dict[str, Any], machine: dict[str, Any], gpu: str, tmp_path: Path
) -> None:
    runtime = docker(tmp_path, {"ServerVersion": "28.2.2"} | said, **machine)
    assert (runtime.version, runtime.gpu, runtime.problem) == ("28.2.2", gpu, "")


def test_podman_under_dockers_name_is_not_docker(tmp_path: Path) -> None:
    said = {"host": {"arch": "amd64"}, "version": {"Version": "5.2.2"}}
    commands = {"docker info": {"output": json.dumps(said)}}
    assert find_docker(laid_out({"commands": commands}, tmp_path)) == Findings()


def test_what_is_not_installed_is_not_listed(tmp_path: Path) -> None:
    host = laid_out({}, tmp_path)
    assert find_docker(host) == find_podman(host) == Findings()


@pytest.mark.parametrize(("files", "gpu"), [(CDI, "cdi"), (ROCM, "devices"), ({}, "")])
def test_podman_needs_no_daemon(files: dict[str, str], gpu: str, tmp_path: Path) -> None:
    commands = {"podman info": {"output": '{"version": {"Version": "5.2.2"}}'}}
    host = laid_out({"files": files, "commands": commands}, tmp_path)
    assert find_podman(host).runtimes == (ContainerRuntime(name="podman", version="5.2.2", gpu=gpu),)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"output": "", "problem": "failed: cannot clone: Operation not permitted"}, "failed: cannot clone"),
        ({"output": "{}"}, "gave an answer that makes no sense"),
    ],
)
def test_podman_that_does_not_work_says_why(answer: dict[str, str], problem: str, tmp_path: Path) -> None:
    (runtime,) = find_podman(laid_out({"commands": {"podman info": answer}}, tmp_path)).runtimes
    assert runtime.problem.startswith(problem)
