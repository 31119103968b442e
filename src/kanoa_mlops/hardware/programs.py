"""Engines that are installed here as programs, and what each build of them computes on."""

from __future__ import annotations

import json
import re
from pathlib import Path

from kanoa_mlops.catalog.types import Device, Program
from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.host import Host

# How llama.cpp names its devices: 'CUDA0: NVIDIA GeForce RTX 4090 (24111 MiB, 23700 MiB free)'.
_BACKENDS: dict[str, tuple[Device, ...]] = {
    "CUDA": ("nvidia",),
    "ROCm": ("amd",),
    "MTL": ("apple",),
    "Metal": ("apple",),
    "SYCL": ("intel",),
    "Vulkan": ("nvidia", "amd", "intel"),
}
_DEVICE = re.compile(r"^\s*([A-Za-z]+)\d*(?::|$)", re.MULTILINE)
_BUILD = re.compile(r"version: (\d+)")
_WHEEL = """
import xllamacpp
print("wheel", xllamacpp.__version__)
for each in xllamacpp.get_device_info(): print(each["name"])
"""
# Named for the day and for the build of llama.cpp in it: 2026.10.11549.
_WHEEL_BUILD = re.compile(r"^wheel \d+\.\d+\.(\d{4,})", re.MULTILINE)
_VLLM = """
import json
from importlib.metadata import distributions
print(json.dumps([(each.name, each.version) for each in distributions() if each.name.startswith("vllm")]))
"""


def find_llama_server(host: Host) -> Findings:
    """A `llama-server` on PATH."""
    path = host.commands.path("llama-server")
    if path is None:
        return Findings()
    listed = host.commands.run((path, "--list-devices"), host.patience.left)
    if listed.problem:
        return Findings(unknown=(f"llama-server {listed.problem}",))
    told = host.commands.run((path, "--version"), host.patience.left)
    build = _BUILD.search(told.output)
    program = Program(
        argv=(path,), devices=_devices(listed.output), version=f"b{build[1]}" if build else None
    )
    return Findings(programs={"llama.cpp": program})


def find_ollama_program(host: Host) -> Findings:
    """An `ollama` on PATH, which brings what every card needs."""
    path = host.commands.path("ollama")
    if path is None:
        return Findings()
    every: tuple[Device, ...] = ("nvidia", "amd", "apple", "cpu")
    return Findings(programs={"ollama": Program(argv=(path,), devices=every)})


def find_vllm(host: Host, python: Path | None) -> Findings:
    """A Python that has vLLM: the one that was set, or that of the `vllm` on PATH."""
    script = host.commands.path("vllm")
    beside = Path(script).parent / "python" if script else None
    chosen = python or beside
    if chosen is None:
        return Findings()
    told = host.commands.run((str(chosen), "-c", _VLLM), host.patience.left)
    if told.problem:
        return Findings(unknown=(f"vLLM: {chosen} {told.problem}",))
    found: list[tuple[str, str]] = json.loads(told.output)
    if not found:
        return Findings(unknown=(f"vLLM: {chosen} does not have it",) if python else ())
    name, version = found[0]
    # Not `vllm serve`: it looks for a distribution called vllm, which builds for other devices are not.
    argv = (str(chosen), "-m", "vllm.entrypoints.openai.api_server")
    program = Program(argv=argv, devices=_vllm_devices(name, version), version=version.split("+")[0])
    return Findings(programs={"vllm": program})


def find_wheel(host: Host, python: Path) -> Findings:
    """llama.cpp's wheel; asked in a process of its own, for it loads the drivers."""
    told = host.commands.run((str(python), "-c", _WHEEL), host.patience.left)
    if told.problem:
        return Findings(unknown=(f"llama.cpp's wheel {told.problem}",))
    build = _WHEEL_BUILD.search(told.output)
    version = f"b{build[1]}" if build else None
    return Findings(embedded=Program(argv=(str(python),), devices=_devices(told.output), version=version))


def _devices(listing: str) -> tuple[Device, ...]:
    names = [found[1] for found in _DEVICE.finditer(listing)]
    graphics = [device for name in names for device in _BACKENDS.get(name, ())]
    return (*dict.fromkeys(graphics), "cpu")


def _vllm_devices(name: str, version: str) -> tuple[Device, ...]:
    if "cpu" in f"{name} {version}":
        return ("cpu",)
    return ("amd",) if "rocm" in f"{name} {version}" else ("nvidia",)
