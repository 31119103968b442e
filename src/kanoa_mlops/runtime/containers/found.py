"""Containers of ours that run, found by their labels: also those that no file of ours knows of any more."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import psutil
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from kanoa_mlops.runtime.containers.box import PREFIX, Box, Tool

_SECONDS = 20.0


@dataclass(frozen=True)
class Found:
    """A container of ours, running or not."""

    box: Box
    pid: int | None
    """Of its first process, as this machine numbers it; None where it does not run."""

    @property
    def process(self) -> psutil.Process | None:
        """The first one in it; None if it ended."""
        try:
            return psutil.Process(self.pid) if self.pid else None
        except psutil.Error:
            return None

    def log(self, lines: int) -> list[str]:
        """The last lines of what its engine wrote, as its tool kept them."""
        argv = (self.box.tool, "logs", "--tail", str(lines), self.box.name)
        return _answer(argv, errors=subprocess.STDOUT).splitlines()


def find_containers() -> tuple[Found, ...]:
    """Of this user, by every tool that is installed here. One that does not answer has none to show."""
    tools = [tool for tool in get_args(Tool) if shutil.which(tool)]
    found = (each for tool in tools for each in _containers(tool, os.getuid()))
    # Podman may answer to Docker's name as well; a container is one all the same.
    return tuple({each.box.name: each for each in found}.values())


def container_of(containers: Iterable[Found], server: int, model: str) -> Found | None:
    """That of the engine which serves the model behind this port."""
    return next((each for each in containers if (each.box.server, each.box.model) == (server, model)), None)


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
        if (server := each.label("server")).isdecimal():
            yield Found(Box(tool, int(server), each.label("model")), each.state.pid or None)


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
