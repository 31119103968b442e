"""One function that joins the probes into a Machine."""

from __future__ import annotations

import platform

from kanoa_mlops.catalog.types import Machine
from kanoa_mlops.hardware.cpu import cpu_name, memory, usable_cores


def probe_machine() -> Machine:
    """What this machine has, as far as it can be read. Never raises."""
    total, available = memory()
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        cpu=cpu_name(),
        cores=usable_cores(),
        memory_total=total,
        memory_available=available,
    )
