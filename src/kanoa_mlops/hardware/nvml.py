"""What the NVIDIA driver says, as JSON: `python -m kanoa_mlops.hardware.nvml`.

In a process of its own, because a driver that hangs can be neither interrupted nor left behind in a thread: a
process with a thread inside the driver does not end. Nothing of this package is imported here.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

COMMAND = (sys.executable, "-P", "-m", "kanoa_mlops.hardware.nvml")

_NO_PACKAGE = "NoPackage"


def answers(nvml: Any) -> dict[str, Any]:
    """All cards, with None for what a card refuses to say, and why in its `refused`.

    Args:
        nvml: the module `pynvml`, or something that answers like it.
    """
    try:
        nvml.nvmlInit()
        driver = nvml.nvmlSystemGetDriverVersion()
        handles = [nvml.nvmlDeviceGetHandleByIndex(each) for each in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError as error:
        return {"failure": _code(error)}
    return {"driver": driver, "cards": [_card(nvml, handle) for handle in handles]}


def _card(nvml: Any, handle: Any) -> dict[str, Any]:
    questions: dict[str, Callable[[], Any]] = {
        "name": lambda: nvml.nvmlDeviceGetName(handle),
        "bus_id": lambda: nvml.nvmlDeviceGetPciInfo(handle).busId,
        "memory": lambda: _memory(nvml, handle),
        "capability": lambda: nvml.nvmlDeviceGetCudaComputeCapability(handle),
        "generation": lambda: nvml.nvmlDeviceGetCurrPcieLinkGeneration(handle),
        "width": lambda: nvml.nvmlDeviceGetCurrPcieLinkWidth(handle),
        "most_generation": lambda: nvml.nvmlDeviceGetMaxPcieLinkGeneration(handle),
        "most_width": lambda: nvml.nvmlDeviceGetMaxPcieLinkWidth(handle),
        "instances": lambda: _instances(nvml, handle),
        "processes": lambda: _processes(nvml, handle),
    }
    said: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for name, ask in questions.items():
        try:
            said[name] = ask()
        except nvml.NVMLError as error:
            said[name], refused[name] = None, _code(error)
    return said | {"refused": refused}


def _memory(nvml: Any, handle: Any) -> dict[str, int]:
    """Bytes. What the driver reserves is told apart since 510; CUDA does not count it."""
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    except nvml.NVMLError:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return {"total": memory.total, "free": memory.free, "reserved": getattr(memory, "reserved", 0)}


def _instances(nvml: Any, handle: Any) -> list[dict[str, Any]] | None:
    """What a card that was split (MIG) was split into; None where it is whole."""
    if nvml.nvmlDeviceGetMigMode(handle)[0] != nvml.NVML_DEVICE_MIG_ENABLE:
        return None
    found = []
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            instance = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
        except nvml.NVMLError:  # this place is empty
            continue
        found.append({"name": nvml.nvmlDeviceGetName(instance), "memory": _memory(nvml, instance)})
    return found


def _processes(nvml: Any, handle: Any) -> dict[int, int]:
    """Bytes that each holds. Windows keeps that to itself, below its subsystem for Linux too."""
    running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    return {each.pid: each.usedGpuMemory for each in running if each.usedGpuMemory is not None}


def _code(error: Exception) -> str:
    """'NotSupported', 'LibraryNotFound', ..."""
    return type(error).__name__.removeprefix("NVMLError_")


def main() -> None:
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        print(json.dumps({"failure": _NO_PACKAGE}))
    else:
        print(json.dumps(answers(nvml)))


if __name__ == "__main__":
    main()
