"""Which ways there are to run an engine on a machine, the preferred first; and what is missing for others."""

from __future__ import annotations

from collections.abc import Iterator

from kanoa_mlops.catalog.types import ContainerRuntime, Device, Engine, Image, Machine
from kanoa_mlops.engines.way import Contained, Daemon, Embedded, Native, Way

_CONTAINER_SYSTEMS = ("Linux",)
"""Elsewhere a container runs in a virtual machine, which has no graphics processor."""


def ways(engine: Engine, machine: Machine, version: str | None = None) -> tuple[Way, ...]:
    """Nearest first: what runs already, then what is installed, then what would be fetched.

    Args:
        version: of the engine, where a model needs another than the catalog's; only an image has it.
    """
    return tuple(_ways(engine, machine, version or engine.version))


def reachable(engine: Engine, machine: Machine, device: Device) -> bool:
    """Whether some way leads to this device."""
    return any(device in way.devices for way in ways(engine, machine))


def device_of(machine: Machine) -> Device:
    """What a model would be computed on."""
    return machine.accelerators[0].vendor if machine.accelerators else "cpu"


def _ways(engine: Engine, machine: Machine, version: str) -> Iterator[Way]:
    software = machine.software
    if version == engine.version:
        if engine.id == "ollama" and software.ollama_url:
            yield Daemon(software.ollama_url, (device_of(machine),))
        program = software.programs.get(engine.id)
        if engine.id == "llama.cpp" and software.embedded:
            embedded = Embedded(software.embedded.argv[0], software.embedded.devices)
            # A program of the person's own is newer to the hardware than a wheel for all; not on a bare CPU.
            if program and device_of(machine) in program.devices:
                yield Native(engine.id, program.argv, program.devices)
                program = None
            yield embedded
        if program:
            yield Native(engine.id, program.argv, program.devices)
    for runtime in software.runtimes:
        if machine.system in _CONTAINER_SYSTEMS and not runtime.problem:
            yield from _contained(engine, machine, runtime)


def _contained(engine: Engine, machine: Machine, runtime: ContainerRuntime) -> Iterator[Contained]:
    for device in dict.fromkeys((device_of(machine), "cpu")):
        if device != "cpu" and not runtime.gpu:
            continue  # the container would run, and see no card
        image = image_for(engine, machine, device)
        if image:
            yield Contained(engine.id, image, runtime.name, pinned=engine.version)


def image_for(engine: Engine, machine: Machine, device: Device) -> Image | None:
    """The engine's image for this device of the machine; one that names the card before one for all."""
    capability = machine.accelerators[0].capability if machine.accelerators and device != "cpu" else None
    architecture = "aarch64" if machine.architecture in ("aarch64", "arm64") else "x86_64"
    fitting = [
        image
        for image in engine.images
        if image.device == device
        and architecture in image.architectures
        and (not image.capabilities or capability in image.capabilities)
    ]
    return max(fitting, key=lambda image: bool(image.capabilities), default=None)
