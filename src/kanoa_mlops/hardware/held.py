"""What a process, with all that it started, holds of memory: the machine's, and that of its cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from kanoa_mlops.hardware.amd import held_on_amd
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.nvidia import held_on_nvidia


@dataclass(frozen=True)
class Held:
    memory: int
    """Bytes of the machine's; pages that several share are counted once, where the system tells."""
    card: int
    """Bytes on graphics cards; 0 where no driver tells it by process, as none does on unified memory."""

    @property
    def total(self) -> int:
        return self.memory + self.card


def held(process: psutil.Process, host: Host | None = None) -> Held | None:
    """None if it is gone."""
    host = host or Host()
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return None
    sizes = [size for each in family if (size := _memory(each)) is not None]
    return Held(sum(sizes), _card(host, [each.pid for each in family])) if sizes else None


def _card(host: Host, pids: Sequence[int]) -> int:
    held_by = held_on_nvidia(host) if host.root.exists("/dev/nvidiactl") else {}
    return sum(held_by.get(pid, 0) + held_on_amd(host.root, pid) for pid in pids)


def _memory(process: psutil.Process) -> int | None:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.AccessDenied, AttributeError):
        pass  # another user's, as in a container; or a system that does not tell
    except psutil.Error:
        return None
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return None
