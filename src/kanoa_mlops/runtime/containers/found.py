"""Containers of ours that run, found by their labels: also those that no file of ours knows of any more."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from kanoa_mlops.runtime.containers.box import PREFIX, Box, Tool

_SECONDS = 20.0


@dataclass(frozen=True)
class Found:
    """A container of ours, running or not."""

    box: Box
    port: int
    """Of loopback, that its engine answers on."""
    pid: int | None
    """Of its first process, as this machine numbers it; None where it does not run."""

    def is_of(self, server: int, model: str) -> bool:
        return (self.box.server, self.box.model) == (server, model)

    def log(self, lines: int) -> list[str]:
        """The last lines of what its engine wrote, as its tool kept them."""
        argv = (self.box.tool, "logs", "--tail", str(lines), self.box.name)
        return _answer(argv, errors=subprocess.STDOUT).splitlines()


def find_containers(owner: int | None = None) -> tuple[Found, ...]:
    """By every tool that is installed here. One that does not answer has none to show.

    Args:
        owner: the user whose they are; None for whoever asks.
    """
    owner = os.getuid() if owner is None else owner
    tools = [tool for tool in get_args(Tool) if shutil.which(tool)]
    found = (each for tool in tools for each in _containers(tool, owner))
    # Podman may answer to Docker's name as well; a container is one all the same.
    return tuple({each.box.name: each for each in found}.values())


class _State(BaseModel):
    pid: int = Field(0, alias="Pid")


class _Config(BaseModel):
    labels: dict[str, str] = Field(alias="Labels")


class _Container(BaseModel):
    """What `inspect` tells, of either tool."""

    state: _State = Field(alias="State")
    config: _Config = Field(alias="Config")

    def label(self, name: str) -> str:
        return self.config.labels.get(f"{PREFIX}.{name}", "")


_CONTAINERS = TypeAdapter(list[_Container])


def _containers(tool: Tool, owner: int) -> Iterator[Found]:
    wanted = ("--filter", f"label={PREFIX}.owner={owner}")
    names = _answer((tool, "ps", "--all", "--quiet", *wanted)).split()
    if not names:
        return
    try:
        # One that ends in between makes `inspect` fail, and still tells the others.
        told = _CONTAINERS.validate_json(_answer((tool, "inspect", "--type", "container", *names)) or "[]")
    except ValidationError:
        return
    for each in told:
        server, port = each.label("server"), each.label("port")
        if server.isdecimal() and port.isdecimal():
            yield Found(Box(tool, int(server), each.label("model")), int(port), each.state.pid or None)


def _answer(argv: Sequence[str], errors: int = subprocess.DEVNULL) -> str:
    try:
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
            timeout=_SECONDS,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
