"""Which ways there are to run an engine on a machine, the preferred first; and what is missing for others."""

from __future__ import annotations

from collections.abc import Iterator

from kanoa_mlops.catalog.types import ContainerRuntime, Device, Engine, Image, Machine
from kanoa_mlops.catalog.version import is_known, numbers
from kanoa_mlops.engines.way import Contained, Daemon, Embedded, Native, Way

_CONTAINER_SYSTEMS = ("Linux",)
"""Elsewhere a container runs in a virtual machine, which has no graphics processor."""


def ways(engine: Engine, machine: Machine, until: str | None = None) -> tuple[Way, ...]:
    """Nearest first: what runs already, then what is installed, then what would be fetched.

    Args:
        until: the last version of the engine that runs a model, where a later one does not. There is an image
            of every version; of what is installed, what is known to be newer is left out.
    """
    return tuple(_ways(engine, machine, until))


def reachable(engine: Engine, machine: Machine, device: Device) -> bool:
    """Whether some way leads to this device."""
    return any(device in way.devices for way in ways(engine, machine))


def device_of(machine: Machine) -> Device:
    """What a model would be computed on."""
    return machine.accelerators[0].vendor if machine.accelerators else "cpu"


def _ways(engine: Engine, machine: Machine, until: str | None) -> Iterator[Way]:
    software = machine.software
    if engine.id == "ollama" and software.ollama_url and _runs(software.ollama, until):
        yield Daemon(software.ollama_url, (device_of(machine),), software.ollama or "")
    program = software.programs.get(engine.id)
    native = None
    if program and _runs(program.version, until):
        native = Native(engine.id, program.argv, program.devices, program.version or "")
    # A program of the person's own is nearer to the hardware than a wheel for all; not on a bare processor.
    if native and machine.accelerators and device_of(machine) in native.devices:
        yield native
        native = None
    if engine.id == "llama.cpp" and software.embedded and _runs(software.embedded.version, until):
        wheel = software.embedded
        yield Embedded(wheel.argv[0], wheel.devices, wheel.version or "")
    if native:
        yield native
    for runtime in software.runtimes:
        if machine.system in _CONTAINER_SYSTEMS and not runtime.problem:
            yield from _contained(engine, machine, runtime)


def _runs(version: str | None, until: str | None) -> bool:
    """Of a version that does not name itself nothing bad is assumed."""
    return until is None or version is None or not is_known(version) or numbers(version) <= numbers(until)


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
