"""The processor, and the cores of it that this process may use."""

from __future__ import annotations

import os
import re

from kanoa_mlops.hardware.cgroup import cpu_quota
from kanoa_mlops.hardware.root import Root

_CPUS = "/sys/devices/system/cpu"


def cpu_name(root: Root, architecture: str) -> str:
    """The processor's own name, or the architecture where it gives none, as most ARM ones do not."""
    for line in (root.text("/proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "cpu model") and value.strip():
            return value.strip()
    return architecture or "unknown"


def usable_cores(root: Root) -> int:
    """Physical cores, no more than affinity and quota allow. At least 1.

    Physical, because llama.cpp's matrix kernels gain nothing from a second thread on one core.
    """
    allowed = _allowed(root)
    if not allowed:
        return os.cpu_count() or 1
    cores = len({_siblings(root, cpu) for cpu in allowed})
    quota = cpu_quota(root)
    return max(1, cores if quota is None else min(cores, int(quota)))


def _allowed(root: Root) -> list[int]:
    """Logical processors this process may run on, which holds cpusets too."""
    for line in (root.text("/proc/self/status") or "").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            return _numbers(line.partition(":")[2].strip())
    return []


def _siblings(root: Root, cpu: int) -> str:
    """Names the core: the logical processors that share it."""
    for name in ("core_cpus_list", "thread_siblings_list"):  # the second before Linux 5.3
        if shared := root.text(f"{_CPUS}/cpu{cpu}/topology/{name}"):
            return shared
    return str(cpu)


def _numbers(ranges: str) -> list[int]:
    """'0-3,8' to 0, 1, 2, 3, 8."""
    spans = re.findall(r"(\d+)(?:-(\d+))?", ranges)
    return [number for first, last in spans for number in range(int(first), int(last or first) + 1)]
