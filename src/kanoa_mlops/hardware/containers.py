"""Docker and Podman: whether they answer, and how a container reaches the graphics processor through them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from kanoa_mlops.catalog.types import ContainerRuntime
from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.root import Root

_SPECIFICATIONS = ("/etc/cdi", "/var/run/cdi", "/run/cdi")
_KINDS = ("nvidia.com/gpu", "amd.com/gpu")
_ROCM = ("/dev/kfd", "/dev/dri")


class _Client(BaseModel):
    version: str | None = Field(None, alias="Version")


class _Docker(BaseModel):
    """Of `docker info`; without a daemon, what the client knows is filled and the rest empty."""

    server: str | None = Field(None, alias="ServerVersion")
    client: _Client | None = Field(None, alias="ClientInfo")
    runtimes: dict[str, object] | None = Field(None, alias="Runtimes")
    specifications: tuple[str, ...] | None = Field(None, alias="CDISpecDirs")
    """Where it looks for CDI; empty where it is too old or was told not to."""


class _PodmanVersion(BaseModel):
    version: str | None = Field(None, alias="Version")


class _Podman(BaseModel):
    version: _PodmanVersion


def find_docker(host: Host) -> Findings:
    """Nothing where its client is not installed, or is Podman under Docker's name."""
    if not host.commands.has("docker"):
        return Findings()
    told = host.commands.run(("docker", "info", "--format", "{{json .}}"), host.patience.left)
    if told.problem and not told.output.startswith("{"):
        return _runtime("docker", None, "", told.problem)
    try:
        said = _Docker.model_validate_json(told.output)
    except ValidationError:
        return _runtime("docker", None, "", "gave an answer that makes no sense")
    if said.server is None and said.client is None:
        return Findings()
    version = said.server or (said.client.version if said.client else None)
    problem = "" if said.server else told.problem or "its daemon does not answer"
    return _runtime("docker", version, _docker_gpu(host, said) if said.server else "", problem)


def find_podman(host: Host) -> Findings:
    """Nothing where it is not installed."""
    if not host.commands.has("podman"):
        return Findings()
    told = host.commands.run(("podman", "info", "--format", "json"), host.patience.left)
    if told.problem:
        return _runtime("podman", None, "", told.problem)
    try:
        version = _Podman.model_validate_json(told.output).version.version
    except ValidationError:
        return _runtime("podman", None, "", "gave an answer that makes no sense")
    return _runtime("podman", version, "cdi" if _has_cdi(host.root) else _devices(host.root), "")


def _runtime(name: Literal["docker", "podman"], version: str | None, gpu: str, problem: str) -> Findings:
    return Findings(runtimes=(ContainerRuntime(name=name, version=version, gpu=gpu, problem=problem),))


def _docker_gpu(host: Host, said: _Docker) -> str:
    # The NVIDIA Container Toolkit: registered as a runtime, or only installed, which is enough for --gpus.
    if "nvidia" in (said.runtimes or {}) or host.commands.has("nvidia-container-runtime-hook"):
        return "nvidia"
    return "cdi" if said.specifications and _has_cdi(host.root) else _devices(host.root)


def _has_cdi(root: Root) -> bool:
    """Whether a specification names a graphics processor: https://github.com/cncf-tags/container-device-interface"""
    texts = (root.text(f"{folder}/{name}") for folder in _SPECIFICATIONS for name in root.names(folder))
    return any(kind in text for text in texts if text for kind in _KINDS)


def _devices(root: Root) -> str:
    """AMD's are handed to a container as they are."""
    return "devices" if all(map(root.exists, _ROCM)) else ""
