"""What of this machine a container must be told: who we are, and who may open its devices."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.engines.container import Container
from kanoa_mlops.runtime.containers.box import Tool

NOBODY = 65534
_SECONDS = 20.0
_NVIDIA = ("nvidia*", "nvmap", "nvhost*", "nvgpu/*/*")
"""Jetson's are for the group `video` alone."""


@dataclass(frozen=True)
class User:
    uid: int
    gid: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


@dataclass(frozen=True)
class Host:
    ours: User
    """Who this process is."""
    rootless: bool
    """The tool has no more rights than a user, so numbers inside are others outside."""
    groups: tuple[int, ...] = ()
    """That may open the devices."""


def inner_user(tool: Tool, host: Host) -> User:
    """Who an engine is in its container: never the administrator of this machine."""
    if host.ours.uid == 0:
        return User(NOBODY, NOBODY)
    if tool == "docker" and host.rootless:
        # Rootless Docker shows us as number 0, which outside has no more rights than we have; any other
        # number is a stranger to our files.
        return User(0, 0)
    return host.ours


def look(tool: Tool, *containers: Container, dev: Path = Path("/dev")) -> Host:
    """Ask the machine. A tool that does not answer is taken for one with a daemon; starting it tells more.

    Args:
        containers: whose devices are to be opened.
    """
    ours = User(os.getuid(), os.getgid())
    rootless = ours.uid != 0 if tool == "podman" else _docker_is_rootless()
    nodes = (node for container in containers for node in _nodes(container, dev))
    return Host(ours, rootless, tuple(sorted(set(_groups(nodes)))))


def _nodes(container: Container, dev: Path) -> Iterator[Path]:
    for device in map(Path, container.devices):
        yield device
        yield from device.glob("*")
    if container.graphics == "nvidia":
        for pattern in _NVIDIA:
            yield from dev.glob(pattern)


def _groups(nodes: Iterable[Path]) -> Iterator[int]:
    for node in nodes:
        if node.is_char_device() and (group := node.stat().st_gid):
            yield group


def _docker_is_rootless() -> bool:
    try:
        asked = ("docker", "info", "--format", "{{json .SecurityOptions}}")
        told = subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "name=rootless" in told.stdout
