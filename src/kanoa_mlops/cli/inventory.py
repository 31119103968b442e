"""What a machine is, on the screen."""

from __future__ import annotations

from collections.abc import Iterator

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Accelerator, Machine
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.units import format_bytes, format_rate


def show_machine(screen: Screen, machine: Machine, catalog: Catalog) -> None:
    """Everything that was found, and what could not be read."""
    screen.table(["MACHINE", ""], [list(line) for line in _lines(machine, catalog)])


def _lines(machine: Machine, catalog: Catalog) -> Iterator[tuple[str, str]]:
    wsl = " in WSL2" if machine.software.wsl else ""
    yield "system", f"{machine.system} {machine.architecture}{wsl}"
    yield "processor", f"{machine.cpu}, {machine.cores} physical cores usable"
    memory = f"{format_bytes(machine.memory_available)} free of {format_bytes(machine.memory_total)}"
    yield "memory", memory + (", shared with graphics" if machine.unified else "")
    if not machine.accelerators:
        yield "graphics", "none that a model can run on"
    for card in machine.accelerators:
        yield "graphics", _card(card, machine.unified)
    for vendor, version in machine.software.drivers.items():
        yield "driver", f"{vendor} {version}{_too_old(vendor, version, catalog)}"
    for runtime in machine.software.runtimes:
        gpu = f"graphics by {runtime.gpu}" if runtime.gpu else "no graphics in containers"
        yield "containers", f"{runtime.name} {runtime.version or ''}: {runtime.problem or gpu}"
    yield "Ollama", machine.software.ollama or "no daemon answers"
    if machine.disk_free is not None:
        yield "disk", f"{format_bytes(machine.disk_free)} free for weights"
    for line in machine.unknown:
        yield "unknown", line


def _card(card: Accelerator, unified: bool) -> str:
    free = f"{format_bytes(card.memory_available)} free of {format_bytes(card.memory_total)}"
    speed = f", {format_rate(card.bandwidth)}" if card.bandwidth else ", of unknown bandwidth"
    return f"{card.name}, {free}{speed}" + ("" if unified else f", on {card.link}")


def _too_old(vendor: str, version: str, catalog: Catalog) -> str:
    """Engines that want a newer driver than this."""
    wanting = [
        f"{engine.title} wants {minimum.version}"
        for engine in catalog.engines.values()
        for minimum in engine.drivers
        if minimum.vendor == vendor and _older(version, minimum.version)
    ]
    return f": too old, {' and '.join(wanting)} or newer" if wanting else ""


def _older(version: str, than: str) -> bool:
    """By numbers; what is no number is not older."""
    try:
        return [int(part) for part in version.split(".")] < [int(part) for part in than.split(".")]
    except ValueError:
        return False
