"""What an engine holds of memory, of the machine and of its cards."""

from __future__ import annotations

from kanoa_mlops.cli.servers import first_process
from kanoa_mlops.hardware.held import held
from kanoa_mlops.runtime.containers.found import Found
from kanoa_mlops.runtime.state import EngineRecord


def engine_bytes(engine: EngineRecord, box: Found | None) -> int | None:
    """As it said itself, else as the system tells of its processes; None where neither does.

    Args:
        box: the container it runs in.
    """
    if engine.used_bytes or engine.identity is None or engine.identity.process() is None:
        return engine.used_bytes
    process = first_process(engine, box)
    found = held(process) if process else None
    return found.total if found else None
