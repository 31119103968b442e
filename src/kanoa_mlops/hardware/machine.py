"""One function that joins the probes into a Machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.catalog.types import (
    Accelerator,
    AcceleratorFacts,
    EngineId,
    LinkFacts,
    Machine,
    Program,
    Software,
    Vendor,
)
from kanoa_mlops.hardware.amd import find_amd
from kanoa_mlops.hardware.apple import find_apple, read_mac
from kanoa_mlops.hardware.cpu import cpu_name, usable_cores
from kanoa_mlops.hardware.disk import find_disk
from kanoa_mlops.hardware.findings import Findings, Probe, ask_together
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.intel import find_intel
from kanoa_mlops.hardware.jetson import find_jetson
from kanoa_mlops.hardware.memory import Memory, linux_memory
from kanoa_mlops.hardware.nvidia import find_nvidia
from kanoa_mlops.hardware.recognise import KnownAccelerator, KnownLink, with_facts
from kanoa_mlops.hardware.wsl import is_wsl

OLLAMA = "http://127.0.0.1:11434"

_MOST_UNREADABLE = 3
"""Files named one by one; a machine that refuses more refuses them all."""


def _no_accelerator(name: str) -> AcceleratorFacts | None:
    return None


def _no_link(kind: str, generation: int | None) -> LinkFacts | None:
    return None


def probe_machine(
    host: Host | None = None,
    *,
    known: KnownAccelerator = _no_accelerator,
    known_link: KnownLink = _no_link,
    disk: Path | None = None,
    software: bool = False,
    ollama: str = OLLAMA,
    vllm: Path | None = None,
    wheel: Path | None = None,
) -> Machine:
    """What this machine has, as far as it can be read. Never raises, and ends with `host.patience`.

    Args:
        host: another machine than this one, in tests.
        known: what the catalog knows of a card by its driver's name.
        known_link: what the catalog knows of a tunnel to a card.
        disk: the folder weights are kept in, which need not exist.
        software: also ask for Docker, Podman and the engines, which costs a second where they are there.
        ollama: where Ollama would listen.
        vllm: a Python that has vLLM, where it is not the one of the `vllm` on PATH.
        wheel: a Python that has llama.cpp's wheel.
    """
    host = host or Host()
    basis = _basis(host)
    probes = dict(basis.probes)
    if disk:
        probes["free disk"] = lambda: find_disk(disk)
    if software:
        probes |= _software_probes(host, ollama, vllm, wheel)
    found = ask_together(probes, host.patience)
    cards, unified, left_out = _choose(found)
    return Machine(
        title=next((each.title for each in found if each.title), "") or _title(cards),
        system=host.system,
        architecture=host.architecture,
        cpu=basis.cpu,
        cores=basis.cores,
        memory_total=basis.memory.total,
        memory_available=basis.memory.available,
        accelerators=tuple(with_facts(card, known, known_link, unified=unified) for card in cards),
        unified=unified,
        software=_software(host, found, ollama),
        disk_free=next((each.disk_free for each in found if each.disk_free is not None), None),
        unknown=(
            *basis.unknown,
            *(line for each in found for line in each.unknown),
            *left_out,
            *_unreadable(host.root.unreadable),
        ),
    )


def _software_probes(host: Host, ollama: str, vllm: Path | None, wheel: Path | None) -> dict[str, Probe]:
    # Imported only here: a plan is made without them, and HTTP alone takes as long as all other probes.
    from kanoa_mlops.hardware.containers import find_docker, find_podman
    from kanoa_mlops.hardware.ollama import find_ollama
    from kanoa_mlops.hardware.programs import find_llama_server, find_ollama_program, find_vllm, find_wheel

    probes: dict[str, Probe] = {
        "Docker": lambda: find_docker(host),
        "Podman": lambda: find_podman(host),
        "Ollama": lambda: find_ollama(ollama, host.patience),
        "llama-server": lambda: find_llama_server(host),
        "Ollama's program": lambda: find_ollama_program(host),
        "vLLM": lambda: find_vllm(host, vllm),
    }
    if wheel:
        probes["llama.cpp's wheel"] = lambda: find_wheel(host, wheel)
    return probes


@dataclass(frozen=True)
class _Basis:
    """What every system tells in its own way, and the probes that make sense there."""

    cpu: str
    cores: int
    memory: Memory
    probes: dict[str, Probe]
    unknown: tuple[str, ...] = ()


def _basis(host: Host) -> _Basis:
    if host.system == "Linux":
        return _linux(host)
    if host.system == "Darwin":
        mac = read_mac(host)
        cpu = mac.chip or host.architecture
        return _Basis(cpu, mac.cores, mac.memory, {"Apple": lambda: find_apple(mac)}, mac.unknown)
    return _elsewhere(host)


def _elsewhere(host: Host) -> _Basis:
    import psutil  # other systems tell it in ways of their own, which it knows

    memory = psutil.virtual_memory()
    return _Basis(
        cpu=host.architecture,
        cores=psutil.cpu_count(logical=False) or 1,
        memory=Memory(memory.total, memory.available),
        probes={},
        unknown=(f"graphics on {host.system}: not looked for; on Windows, use it from WSL2",),
    )


def _linux(host: Host) -> _Basis:
    memory = linux_memory(host.root)
    shown = memory or Memory(0, 0)
    probes: dict[str, Probe] = {
        "NVIDIA": lambda: find_nvidia(host, shown),
        "Jetson": lambda: find_jetson(host, shown),
        "AMD": lambda: find_amd(host, shown),
        "Intel": lambda: find_intel(host),
    }
    unknown = () if memory else ("memory: /proc/meminfo does not tell it",)
    return _Basis(cpu_name(host.root, host.architecture), usable_cores(host.root), shown, probes, unknown)


def _choose(found: list[Findings]) -> tuple[tuple[Accelerator, ...], bool, list[str]]:
    """(accelerators, unified, what was left out and why).

    Cards before a processor's own graphics; among cards, the maker with most memory, as an engine runs on one
    maker's at a time.
    """
    cards = [card for each in found for card in each.accelerators if card.link.kind != "on-chip"]
    if not cards:
        chips = [each for each in found if each.accelerators]
        # A Jetson's own name says more than the driver's name for its graphics.
        best = next((each for each in chips if each.title), chips[0] if chips else Findings())
        aside = [] if chips else [line for each in found for line in each.aside]
        return best.accelerators, best.unified, aside
    makers: dict[Vendor, int] = {}
    for card in cards:
        makers[card.vendor] = makers.get(card.vendor, 0) + card.memory_total
    first = max(makers, key=lambda each: makers[each])
    others = [card.name for card in cards if card.vendor != first]
    left_out = [f"{name}: left out, as an engine runs on one maker's cards at a time" for name in others]
    return tuple(card for card in cards if card.vendor == first), False, left_out


def _software(host: Host, found: list[Findings], ollama: str) -> Software:
    drivers: dict[Vendor, str] = {}
    programs: dict[EngineId, Program] = {}
    for each in found:
        drivers.update(each.drivers)
        programs.update(each.programs)
    return Software(
        drivers=drivers,
        runtimes=tuple(runtime for each in found for runtime in each.runtimes),
        ollama=next((each.ollama for each in found if each.ollama), None),
        ollama_url=ollama if any(each.ollama for each in found) else None,
        programs=programs,
        embedded=next((each.embedded for each in found if each.embedded), None),
        wsl=host.system == "Linux" and is_wsl(host.root),
    )


def _title(cards: tuple[Accelerator, ...]) -> str:
    """'2 x NVIDIA GeForce RTX 3090'."""
    names = [card.name for card in cards]
    return " and ".join(
        name if names.count(name) == 1 else f"{names.count(name)} x {name}" for name in dict.fromkeys(names)
    )


def _unreadable(files: dict[str, str]) -> list[str]:
    told = [f"{name} cannot be read: {reason}" for name, reason in files.items()]
    more = len(told) - _MOST_UNREADABLE
    return told if more <= 0 else [*told[:_MOST_UNREADABLE], f"and {more} files more"]
