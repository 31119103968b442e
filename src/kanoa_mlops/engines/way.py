"""The ways an engine can be run on a machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.catalog.types import Device, EngineId, Image


@dataclass(frozen=True)
class Embedded:
    """llama.cpp out of the wheel, in a process of its own."""

    python: str
    """The interpreter that has the wheel."""
    devices: tuple[Device, ...]
    version: str = ""
    """Of the engine; '' where it did not tell."""
    engine: EngineId = "llama.cpp"

    def __str__(self) -> str:
        return "embedded"


@dataclass(frozen=True)
class Native:
    """A program that is installed here."""

    engine: EngineId
    program: tuple[str, ...]
    devices: tuple[Device, ...]
    version: str = ""

    def __str__(self) -> str:
        return "native"


@dataclass(frozen=True)
class Contained:
    """A container of the engine's own image."""

    engine: EngineId
    image: Image
    tool: Literal["docker", "podman"]
    pinned: str
    """The version of the engine that the image's digest is of."""

    @property
    def devices(self) -> tuple[Device, ...]:
        return (self.image.device,)

    def __str__(self) -> str:
        return self.tool


@dataclass(frozen=True)
class Daemon:
    """Ollama, already running."""

    url: str
    devices: tuple[Device, ...]
    version: str = ""
    engine: EngineId = "ollama"

    def __str__(self) -> str:
        return "daemon"


Way = Embedded | Native | Contained | Daemon
