"""What a machine of the catalog is taken to have installed, as nobody can look there."""

from __future__ import annotations

from kanoa_mlops.catalog.types import ContainerRuntime, Device, Machine, Program, Software, Vendor

OLLAMA_URL = "http://127.0.0.1:11434"
"""Where a daemon answers that nobody told otherwise."""
_GRAPHICS: dict[Vendor, str] = {"nvidia": "nvidia", "amd": "devices"}
_WHEEL: dict[str, tuple[Device, ...]] = {"Darwin": ("apple", "cpu")}


def with_usual_software(machine: Machine) -> Machine:
    """The machine after the setup that our guides describe for its kind: Docker, or Ollama on a Mac."""
    wheel = Program(argv=("python3",), devices=_WHEEL.get(machine.system, ("cpu",)))
    if machine.system == "Darwin":
        software = Software(embedded=wheel, ollama="", ollama_url=OLLAMA_URL)
    else:
        gpu = _GRAPHICS.get(machine.accelerators[0].vendor, "") if machine.accelerators else ""
        docker = ContainerRuntime(name="docker", version=None, gpu=gpu)
        software = Software(embedded=wheel, runtimes=(docker,))
    return machine.model_copy(update={"software": software})
