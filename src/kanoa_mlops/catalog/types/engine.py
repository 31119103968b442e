"""An engine: what it reads, where it runs, and the constants its memory and speed are planned with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from kanoa_mlops.catalog.fields import Bytes, Count, Id, SourceName, Tokens
from kanoa_mlops.catalog.types.base import Entry, Sourced
from kanoa_mlops.catalog.types.weights import Format

EngineId = Literal["vllm", "llama.cpp", "ollama"]
Vendor = Literal["nvidia", "amd", "apple", "intel"]
Device = Literal["nvidia", "amd", "apple", "intel", "cpu"]


class Constant(Entry):
    """A number with its unit, and what it rests on."""

    value: float
    low: float | None = None
    high: float | None = None
    unit: str
    why: str
    """What it stands for."""
    fitted_on: str = ""
    """The rows it was chosen on; they prove nothing about it."""
    source: SourceName


class DriverMinimum(Entry):
    vendor: Vendor
    version: str
    source: SourceName


def _pinned(tag: str) -> str:
    if "latest" in tag:
        raise ValueError("an image is pinned to a version, never to what is latest")
    return tag


class Image(Entry):
    """A container image of an engine, for one kind of device."""

    name: str = Field(pattern=r"^[a-z0-9.-]+\.[a-z]+/[a-z0-9./_-]+$")
    """With its registry, for Podman knows no default one."""
    tag: Annotated[str, Field(pattern=r"^[\w.{}-]+$"), AfterValidator(_pinned)]
    """'{version}' stands for the engine's version, which an older model may need another of."""
    digest: str | None = Field(None, pattern=r"^sha256:[0-9a-f]{64}$")
    """Of the tag with the engine's own version, where it was read."""
    device: Device
    capabilities: tuple[str, ...] = ()
    """Only for these ('8.7'); empty for any. An image that names the card is preferred."""
    architectures: tuple[Literal["x86_64", "aarch64"], ...]
    """Processors it is built for."""
    program: tuple[str, ...] = Field(min_length=1)
    """What starts the engine in it. Always said, so that no image's own entry point is added to."""
    alive: tuple[str, ...] = ()
    """A command in it that ends 0 when '{url}' answers well; empty where it brings none."""
    runtime: Literal["", "nvidia"] = ""
    """A runtime that must be named, as on Jetson; else the device is handed over as the machine can."""
    devices: tuple[str, ...] = ()
    """Device nodes that the engine opens."""
    environment: dict[str, str] = Field(default_factory=dict)
    shared_memory: Bytes | None = None
    """For talking between its own processes (/dev/shm); None leaves the runtime's 64 MiB."""
    source: SourceName

    def reference(self, version: str, pinned: str) -> str:
        """What to pull for a version of the engine.

        Args:
            pinned: the version that the digest is of.
        """
        tag = self.tag.format(version=version)
        digest = f"@{self.digest}" if self.digest and version == pinned else ""
        return f"{self.name}:{tag}{digest}"


class Engine(Sourced):
    id: EngineId
    title: str
    version: str
    """The one we pin and test."""
    formats: tuple[Format, ...]
    quantizations: tuple[Id, ...]
    """Of those formats, what it can run at all."""
    devices: dict[Device, Count]
    """Where it runs, and its rank among engines there: 1 is the fastest."""
    refuses: dict[Device, dict[Id, str]] = Field(default_factory=dict)
    """Where it runs -> quantisation that it does not run there -> why."""
    drivers: tuple[DriverMinimum, ...] = ()
    images: tuple[Image, ...] = ()
    constants: dict[str, Constant] = Field(default_factory=dict)
    source: SourceName

    def __getitem__(self, constant: str) -> float:
        return self.constants[constant].value


class Support(Entry):
    """How an engine serves one model."""

    since: str | None = None
    """The first version that knows the architecture."""
    until: str | None = None
    """The last one, where support was removed."""
    remote_code: bool = False
    """Runs code from the model's repository; asked of the owner first."""
    quirk: str = ""
    """What must be done differently for this model, and why."""
    extra_bytes: int = 0
    """Held beside the weights, as measured."""
    most_sequences: int | None = None
    """More at once fail to start."""
    most_image_tokens: Tokens | None = None
    """The engine shrinks images to this, where the model itself would take more."""
    reasoning_parser: Id | None = None
    """The engine's name for what parts the model's thinking from its answer."""
    tool_parser: Id | None = None
    """The engine's name for what reads the model's calls of tools; None where it was not taught to call."""
    source: SourceName
