"""What one probe saw, and asking several at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kanoa_mlops.catalog.types import Accelerator, ContainerRuntime, EngineId, Program, Vendor
from kanoa_mlops.hardware.patience import Patience


@dataclass(frozen=True)
class Findings:
    """Only what the probe looks for is filled."""

    accelerators: tuple[Accelerator, ...] = ()
    unified: bool = False
    """These accelerators share the machine's memory."""
    title: str = ""
    """What the whole machine is sold as, where that says more than its accelerators."""
    drivers: Mapping[Vendor, str] = field(default_factory=dict)
    runtimes: tuple[ContainerRuntime, ...] = ()
    ollama: str | None = None
    programs: Mapping[EngineId, Program] = field(default_factory=dict)
    embedded: Program | None = None
    disk_free: int | None = None
    unknown: tuple[str, ...] = ()
    """What could not be read, and why, in words."""
    aside: tuple[str, ...] = ()
    """Graphics that are not planned for, worth a word only where there is nothing better."""


Probe = Callable[[], Findings]

_GRACE_SECONDS = 0.3
"""For a probe to say in its own words that its command did not answer in time."""


def ask_together(probes: Mapping[str, Probe], patience: Patience) -> list[Findings]:
    """One a probe, in their order. Never raises: a probe that fails or is late is reported as unknown.

    In threads that are left behind when late, as a file system that hangs cannot be interrupted.
    """
    answers: queue.SimpleQueue[tuple[str, Findings]] = queue.SimpleQueue()
    for name, probe in probes.items():
        arguments = (name, probe, answers)
        threading.Thread(target=_ask, args=arguments, daemon=True, name=f"probe-{name}").start()
    found: dict[str, Findings] = {}
    while len(found) < len(probes):
        try:
            name, findings = answers.get(timeout=patience.left + _GRACE_SECONDS)
        except queue.Empty:
            break
        found[name] = findings
    late = f"did not answer within {patience}"
    return [found.get(name) or Findings(unknown=(f"{name} {late}",)) for name in probes]


def _ask(name: str, probe: Probe, answers: queue.SimpleQueue[tuple[str, Findings]]) -> None:
    try:
        answers.put((name, probe()))
    except Exception as error:  # whatever a strange machine does to a probe, the others go on
        answers.put((name, Findings(unknown=(f"{name}: {type(error).__name__}: {error}",))))
