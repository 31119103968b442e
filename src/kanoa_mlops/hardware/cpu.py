"""The processor and the memory this process may really use, control groups included."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's own name, or the architecture where it gives none."""
    try:
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """Physical cores, no more than affinity and quota allow. At least 1.

    Physical, because llama.cpp's matrix kernels gain nothing from a second thread on one core.
    """
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        physical = min(physical, len(os.sched_getaffinity(0)))
    quota = _cpu_quota(cgroup)
    return max(1, physical if quota is None else min(physical, int(quota) or 1))


def memory(cgroup: Path = _CGROUP) -> tuple[int, int]:
    """Total and available bytes, no more than the control group allows."""
    here = psutil.virtual_memory()
    total, available = here.total, here.available
    limit = _read_number(cgroup / "memory.max")
    if limit is not None and limit < total:
        used = _read_number(cgroup / "memory.current") or 0
        total, available = limit, min(available, max(0, limit - used))
    return total, available


def _cpu_quota(cgroup: Path) -> float | None:
    """Cores' worth of time a period, or None where there is no limit."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
