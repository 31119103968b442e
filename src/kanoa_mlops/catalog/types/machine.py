"""What hardware is there, probed here or named by a platform."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kanoa_mlops.catalog.fields import Count
from kanoa_mlops.catalog.types.base import Entry
from kanoa_mlops.catalog.types.engine import Device, EngineId, Vendor


class Link(Entry):
    """How a graphics card is attached."""

    kind: Literal["pcie", "oculink", "usb4", "thunderbolt", "on-chip", "unknown"]
    generation: int | None = None
    """PCIe generation or Thunderbolt version, now; links slow down when idle."""
    width: int | None = None
    """PCIe lanes, now."""
    most_generation: int | None = None
    most_width: int | None = None
    bandwidth: float | None = None
    """Bytes a second one way at its best; None where it could not be told."""
    decode_share: float = 1.0
    """Of the decode speed in a full slot that is left over this link, as measured."""

    def __str__(self) -> str:
        if self.kind == "pcie":
            lanes = f" x{self.most_width}" if self.most_width else ""
            return f"PCIe {self.most_generation or '?'}.0{lanes}"
        names = {"oculink": "OCuLink", "usb4": "USB4", "thunderbolt": "Thunderbolt"}
        number = f" {self.generation}" if self.generation and self.kind == "thunderbolt" else ""
        return f"{names.get(self.kind, self.kind)}{number}"


class Accelerator(Entry):
    """One graphics processor that an engine can hold a model in."""

    vendor: Vendor
    name: str
    memory_total: int
    """Bytes an engine sees; less than the number on the box. On unified memory, what it may take of it."""
    memory_available: int
    """Bytes of it that are free now."""
    bandwidth: float | None = None
    """Bytes a second of its memory; None where no catalog entry knows the card."""
    flops: float | None = None
    """Dense 16-bit operations a second, where known."""
    capability: str | None = None
    """CUDA compute capability ('8.9') or AMD's target ('gfx942')."""
    link: Link = Link(kind="unknown")


class ContainerRuntime(Entry):
    name: Literal["docker", "podman"]
    version: str | None
    gpu: str
    """How a container reaches the GPU here: 'cdi', 'nvidia', 'devices'; '' where it does not."""
    problem: str = ""
    """Why it cannot be used, where it cannot."""


class Program(Entry):
    """An engine that is installed as a program."""

    argv: tuple[str, ...]
    """What starts it; its flags follow."""
    devices: tuple[Device, ...]
    """What this build computes on."""
    version: str | None = None


class Software(Entry):
    """What is installed that matters to serving. None is 'unknown', not 'absent'."""

    drivers: dict[Vendor, str] = Field(default_factory=dict)
    runtimes: tuple[ContainerRuntime, ...] = ()
    ollama: str | None = None
    """Version of the daemon that answers."""
    ollama_url: str | None = None
    """Where it answers."""
    programs: dict[EngineId, Program] = Field(default_factory=dict)
    embedded: Program | None = None
    """The interpreter that has llama.cpp's wheel."""
    wsl: bool = False
    """Inside the Windows Subsystem for Linux."""


class Machine(Entry):
    """What hardware is there, probed here or named by a platform."""

    platform: str | None = None
    """The catalog's platform, where it was named or recognised."""
    title: str = ""
    system: str
    """'Linux', 'Darwin', ..."""
    architecture: str
    """'x86_64', 'arm64', ..."""
    cpu: str
    cores: Count
    """Physical cores this process may use."""
    memory_total: int
    """Bytes, after any limit of the control group."""
    memory_available: int
    """Bytes that can be had without swapping."""
    memory_bandwidth: float | None = None
    """Bytes a second; None where unknown."""
    accelerators: tuple[Accelerator, ...] = ()
    """Those that can hold a model. On unified memory there is one, and it shares the machine's."""
    unified: bool = False
    """Processor and graphics share one memory (Jetson, Apple, Spark)."""
    refuses: dict[str, str] = Field(default_factory=dict)
    """Quantisation -> why it does not work there, where that is known."""
    software: Software = Software()
    disk_free: int | None = None
    """Bytes free where weights are kept."""
    unknown: tuple[str, ...] = ()
    """What could not be read, and why, in words."""

    @property
    def key(self) -> str:
        """The same for the same hardware, whatever is free on it today."""
        cards = [f"{card.name} {round(card.memory_total / 2**30)} GiB" for card in self.accelerators]
        memory = f"{round(self.memory_total / 2**30)} GiB"
        return ", ".join([self.system, self.cpu, f"{self.cores} cores", memory, *cards])

    def without_accelerators(self) -> Machine:
        """As an engine that only uses the processor sees it."""
        return self.model_copy(update={"accelerators": (), "unified": False})
