"""Machines that were recorded: a file of answers becomes a `Host`."""

from __future__ import annotations

import importlib
import json
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kanoa_mlops.hardware import nvml
from kanoa_mlops.hardware.command import Commands, Outcome
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.patience import Patience
from kanoa_mlops.hardware.root import Root
from kanoa_mlops.units import parse_bytes

pynvml: Any = importlib.import_module("pynvml")  # it comes without types
MACHINES = Path(__file__).parents[1] / "fixtures/machines"


def recorded(name: str, folder: Path) -> Host:
    """The machine of this file, laid out below the folder."""
    return laid_out(yaml.safe_load((MACHINES / f"{name}.yaml").read_text()), folder)


def laid_out(machine: Mapping[str, Any], folder: Path) -> Host:
    """
    Args:
        machine: `files`, `links` and `folders` as they are; `pci`, devices by their way from the root port,
            with their attributes; `cores`, for each logical processor those that share its core; `nvml` and
            `commands`, answers. All may be left out.
    """
    for path, content in {**_processors(machine.get("cores", [])), **machine.get("files", {})}.items():
        _write(folder, path, content)
    for way, attributes in machine.get("pci", {}).items():
        _plug_in(folder, way, attributes)
    for path in machine.get("folders", []):
        (folder / path.lstrip("/")).mkdir(parents=True)
    for path, target in machine.get("links", {}).items():
        _link(folder, path, target)
    commands = RecordedCommands(machine.get("commands", {}), machine.get("nvml"))
    system, architecture = machine.get("system", "Linux"), machine.get("architecture", "x86_64")
    return Host(system, architecture, Root(folder), commands, Patience())


def _processors(cores: Sequence[str]) -> dict[str, str]:
    if not cores:
        return {}
    topology = "/sys/devices/system/cpu/cpu{}/topology/core_cpus_list"
    files = {topology.format(number): f"{shared}\n" for number, shared in enumerate(cores)}
    return files | {"/proc/self/status": f"Name:\tpython\nCpus_allowed_list:\t0-{len(cores) - 1}\n"}


def _plug_in(folder: Path, way: str, attributes: Mapping[str, str]) -> None:
    address = way.rpartition("/")[2]
    place = f"devices/pci{way[:7]}/{way}"
    for name, value in attributes.items():
        if name == "driver":
            (folder / f"sys/bus/pci/drivers/{value}").mkdir(parents=True, exist_ok=True)
            up = "../" * (place.count("/") + 1)
            _link(folder, f"sys/{place}/driver", f"{up}bus/pci/drivers/{value}")
        else:
            _write(folder, f"sys/{place}/{name}", f"{value}\n")
    _link(folder, f"sys/bus/pci/devices/{address}", f"../../../{place}")


def _write(folder: Path, path: str, content: str) -> None:
    file = folder / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def _link(folder: Path, path: str, target: str) -> None:
    link = folder / path.lstrip("/")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


class RecordedCommands(Commands):
    """Answers by a program's name and first argument, if that is a word; others are not installed."""

    def __init__(
        self, answers: Mapping[str, Mapping[str, str]], driver: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(path="")
        self._answers = answers
        self._driver = driver

    def has(self, program: str) -> bool:
        return any(name.split()[0] == program for name in self._answers)

    def run(self, argv: Sequence[str], seconds: float) -> Outcome:
        if tuple(argv) == nvml.COMMAND:
            if self._driver is None:
                return Outcome(problem="was asked, and nothing was recorded")
            return Outcome(json.dumps(nvml.answers(RecordedNvml(self._driver))))
        words = [Path(argv[0]).name, *(word for word in argv[1:2] if word.isalpha())]
        answer = self._answers.get(" ".join(words)) or self._answers.get(words[0])
        return Outcome(**answer) if answer else Outcome(problem="is not installed")


class RecordedNvml:
    """Answers like the module `pynvml`; a word that was recorded is raised as NVML's error of that name."""

    NVMLError = pynvml.NVMLError
    NVML_DEVICE_MIG_ENABLE = pynvml.NVML_DEVICE_MIG_ENABLE
    nvmlMemory_v2 = pynvml.nvmlMemory_v2

    def __init__(self, driver: Mapping[str, Any]) -> None:
        self._driver = driver

    def nvmlInit(self) -> None:
        _said(self._driver.get("init"))

    def nvmlSystemGetDriverVersion(self) -> str:
        return str(self._driver["driver"])

    def nvmlDeviceGetCount(self) -> int:
        return len(self._driver["cards"])

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any:
        return self._driver["cards"][index]

    def nvmlDeviceGetName(self, handle: Any) -> Any:
        return handle["name"]

    def nvmlDeviceGetPciInfo(self, handle: Any) -> Any:
        if handle["bus_id"] == "NotSupported":
            _said("NotSupported")
        return types.SimpleNamespace(busId=handle["bus_id"])

    def nvmlDeviceGetMemoryInfo(self, handle: Any, version: int | None = None) -> Any:
        if version and handle.get("old"):
            _said("FunctionNotFound")
        sizes = {name: parse_bytes(size) for name, size in _said(handle["memory"]).items()}
        if not version:  # the first version of the answer counts what is reserved as used
            del sizes["reserved"]
        return types.SimpleNamespace(**sizes)

    def nvmlDeviceGetCudaComputeCapability(self, handle: Any) -> Any:
        return tuple(_said(handle["capability"]))

    def nvmlDeviceGetCurrPcieLinkGeneration(self, handle: Any) -> Any:
        return _said(handle["generation"])

    def nvmlDeviceGetCurrPcieLinkWidth(self, handle: Any) -> Any:
        return _said(handle["width"])

    def nvmlDeviceGetMaxPcieLinkGeneration(self, handle: Any) -> Any:
        return _said(handle["most_generation"])

    def nvmlDeviceGetMaxPcieLinkWidth(self, handle: Any) -> Any:
        return _said(handle["most_width"])

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> list[Any]:
        running = _said(handle.get("processes", []))
        return [types.SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in running]

    def nvmlDeviceGetMigMode(self, handle: Any) -> list[int]:
        split = "instances" in handle
        return [int(split), int(split)] if split or _said(handle["mig"]) == [] else []

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int:
        return len(handle["instances"])

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any:
        if handle["instances"][index] is None:
            _said("NotFound")
        return handle["instances"][index]


def _said(answer: Any) -> Any:
    if isinstance(answer, str):
        raise getattr(pynvml, f"NVMLError_{answer}")
    return answer
