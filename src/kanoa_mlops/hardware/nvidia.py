"""NVIDIA's graphics processors, as NVML describes them."""

from __future__ import annotations

import re
from collections import Counter

from pydantic import BaseModel, ValidationError

from kanoa_mlops.catalog.types import Accelerator, Link, Vendor
from kanoa_mlops.hardware import nvml, pci
from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.link import link_of
from kanoa_mlops.hardware.memory import Memory
from kanoa_mlops.hardware.root import Root

_REASONS = {
    "NoPackage": "the Python package nvidia-ml-py is not installed",
    "LibraryNotFound": "libnvidia-ml.so.1 is not there; a container gets it when started with --gpus all",
    "LibRmVersionMismatch": "the driver's library and kernel module are of different versions; reboot",
    "DriverNotLoaded": "the driver's kernel module is not loaded",
    "NoPermission": "this user may not ask the driver",
    "GpuIsLost": "the card has fallen off the bus; reboot",
}
_NOT_SUPPORTED = "NotSupported"
_VERSION = re.compile(r"\b\d+\.\d+(?:\.\d+)?\b")


class _Memory(BaseModel):
    total: int
    free: int
    reserved: int

    @property
    def visible(self) -> int:
        """What CUDA counts. Both are published of three machines: 24564 - 354 MiB of an RTX 4090, 24576 - 422
        of an RTX 3090, 23034 - 556 of an L4 (https://github.com/thamada/nvidia-smi)."""
        return self.total - self.reserved

    @property
    def available(self) -> int:
        return min(self.free, self.visible)


class _Instance(BaseModel):
    name: str
    memory: _Memory


class _Card(BaseModel):
    name: str | None
    bus_id: str | None
    memory: _Memory | None
    capability: tuple[int, int] | None
    generation: int | None
    width: int | None
    most_generation: int | None
    most_width: int | None
    instances: tuple[_Instance, ...] | None
    processes: dict[int, int] | None = None
    refused: dict[str, str]

    @property
    def title(self) -> str:
        return self.name or "an NVIDIA card without a name"


class _Answers(BaseModel):
    driver: str | None = None
    cards: tuple[_Card, ...] = ()
    failure: str = ""


def find_nvidia(host: Host, memory: Memory) -> Findings:
    """Cards, or the one that shares the machine's memory where there are none."""
    cards = list(pci.graphics(host.root, pci.NVIDIA))
    if not _has_driver(host.root, cards):
        return Findings(unknown=tuple(_idle(host.root, card) for card in cards))
    answers, problem = _ask(host)
    if problem:
        return Findings(drivers=_drivers(host.root, None), unknown=(_silent(host.root, problem),))
    return _findings(host, answers, memory)


def held_on_nvidia(host: Host) -> dict[int, int]:
    """Process -> bytes on all cards together."""
    answers, _ = _ask(host)
    held: Counter[int] = Counter()
    for card in answers.cards:
        held.update(card.processes or {})
    return dict(held)


def _ask(host: Host) -> tuple[_Answers, str]:
    """What NVML said, or why it said nothing."""
    outcome = host.commands.run(nvml.COMMAND, host.patience.left)
    if outcome.problem:
        return _Answers(), f"its driver {outcome.problem}"
    try:
        answers = _Answers.model_validate_json(outcome.output)
    except ValidationError:
        return _Answers(), "its driver gave an answer that makes no sense"
    return answers, _reason(answers.failure) if answers.failure else ""


def _findings(host: Host, answers: _Answers, memory: Memory) -> Findings:
    found: list[Accelerator] = []
    shared: list[Accelerator] = []
    unknown: list[str] = []
    for card in answers.cards:
        if card.instances is not None:
            unknown.append(_split(card))
            found.extend(_instance(card))
        elif card.memory:
            found.append(_accelerator(host.root, card, card.title, card.memory))
        elif card.refused.get("memory") == _NOT_SUPPORTED:
            # Only processors without memory of their own have nothing to say here (GB10, Thor, Orin):
            # https://docs.nvidia.com/dgx/dgx-spark/known-issues.html
            shared.append(_shared(card, memory))
        else:
            unknown.append(
                f"{card.title}: its memory cannot be read; {_reason(card.refused.get('memory', ''))}"
            )
    return Findings(
        accelerators=tuple(found or shared[:1]),
        unified=bool(shared) and not found,
        drivers=_drivers(host.root, answers.driver),
        unknown=tuple(unknown),
    )


def _accelerator(root: Root, card: _Card, name: str, memory: _Memory) -> Accelerator:
    said = Link(
        kind="unknown",
        generation=card.generation,
        width=card.width,
        most_generation=card.most_generation,
        most_width=card.most_width,
    )
    return Accelerator(
        vendor="nvidia",
        name=name,
        memory_total=memory.visible,
        memory_available=memory.available,
        capability=_capability(card),
        link=link_of(root, pci.canonical(card.bus_id), said) if card.bus_id else said,
    )


def _shared(card: _Card, memory: Memory) -> Accelerator:
    return Accelerator(
        vendor="nvidia",
        name=card.title,
        memory_total=memory.total,
        memory_available=memory.available,
        capability=_capability(card),
        link=Link(kind="on-chip"),
    )


def _instance(card: _Card) -> list[Accelerator]:
    """The largest; CUDA shows a program one instance and no more."""
    largest = max(card.instances or (), key=lambda each: each.memory.visible, default=None)
    if largest is None:
        return []
    return [
        Accelerator(
            vendor="nvidia",
            name=largest.name,
            memory_total=largest.memory.visible,
            memory_available=largest.memory.available,
            capability=_capability(card),
        )
    ]


def _capability(card: _Card) -> str | None:
    return ".".join(map(str, card.capability)) if card.capability else None


def _split(card: _Card) -> str:
    count = len(card.instances or ())
    what = "one program sees one of them, and the largest is planned for" if count else "none can be used yet"
    return f"{card.title} is split into {count} instances (MIG): {what}"


def _has_driver(root: Root, cards: list[pci.Device]) -> bool:
    signs = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")
    return any(map(root.exists, signs)) or any(card.driver == "nvidia" for card in cards)


def _drivers(root: Root, said: str | None) -> dict[Vendor, str]:
    """The version NVML gave, or the kernel module's, which reads 'TempVersion' on some boards."""
    match = _VERSION.search(said or root.text("/proc/driver/nvidia/version") or "")
    return {"nvidia": match[0]} if match else {}


def _idle(root: Root, card: pci.Device) -> str:
    name = pci.product(root, card) or "NVIDIA card"
    held = f"its driver is {card.driver}, not NVIDIA's" if card.driver else "no driver is loaded for it"
    return f"{name} ({card}): {held}"


def _silent(root: Root, problem: str) -> str:
    folder = "/proc/driver/nvidia/gpus"
    names = [
        line.partition(":")[2].strip()
        for card in root.names(folder)
        for line in (root.text(f"{folder}/{card}/information") or "").splitlines()
        if line.startswith("Model:")
    ]
    return f"{', '.join(names) or 'NVIDIA graphics'}: {problem}"


def _reason(failure: str) -> str:
    return _REASONS.get(failure, f"the driver says {failure}")
