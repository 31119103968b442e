"""The memory this process may really use, control groups included."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kanoa_mlops.hardware.cgroup import memory_limits
from kanoa_mlops.hardware.root import Root

_LINE = re.compile(r"^(\w+): +(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Memory:
    total: int
    """Bytes."""
    available: int
    """Bytes that can be had without swapping."""


def linux_memory(root: Root) -> Memory | None:
    """None where the kernel does not say.

    MemAvailable and not MemFree: the page cache is given back on demand. CUDA's own idea of free memory is
    MemFree on unified machines, which is why programs fail there after a large download
    (https://github.com/vllm-project/vllm/issues/35356).
    """
    lines = _LINE.findall(root.text("/proc/meminfo") or "")
    said = {name: int(value) * 1024 for name, value in lines}
    if "MemTotal" not in said:
        return None
    total, available = said["MemTotal"], said.get("MemAvailable", said.get("MemFree", 0))
    for limit, used in memory_limits(root):
        if limit < said["MemTotal"]:
            total, available = min(total, limit), min(available, max(0, limit - used))
    return Memory(total, available)
