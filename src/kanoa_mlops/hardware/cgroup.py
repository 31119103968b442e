"""Limits of the control groups this process is in: version 1, version 2, nested, and inside a container.

A limit of any group above binds, so all are read from the process's own up to the root that can be seen.
Files: https://docs.kernel.org/admin-guide/cgroup-v2.html and
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from kanoa_mlops.hardware.root import Root

_MOUNT = "/sys/fs/cgroup"
_COUNT = re.compile(r"^(\w+) (\d+)$", re.MULTILINE)


def memory_limits(root: Root) -> Iterator[tuple[int, int]]:
    """(limit, used) bytes of each group that has a limit. The page cache is not counted: it is given back."""
    for folder in _groups(root, "memory"):
        limits = [
            root.number(f"{folder}/{name}") for name in ("memory.max", "memory.high", "memory.limit_in_bytes")
        ]
        known = [each for each in limits if each is not None]
        if known:
            yield min(known), _used(root, folder)


def cpu_quota(root: Root) -> float | None:
    """Processors' worth of time; None where there is no limit."""
    quotas = [quota for folder in _groups(root, "cpu") if (quota := _quota(root, folder)) is not None]
    return min(quotas, default=None)


def _used(root: Root, folder: str) -> int:
    used = root.number(f"{folder}/memory.current") or root.number(f"{folder}/memory.usage_in_bytes") or 0
    stat = {name: int(count) for name, count in _COUNT.findall(root.text(f"{folder}/memory.stat") or "")}
    # Counts with 'total_' include the groups below, as usage does; version 2 has no others.
    cached = sum(stat.get(f"total_{name}", stat.get(name, 0)) for name in ("active_file", "inactive_file"))
    return max(0, used - cached)


def _quota(root: Root, folder: str) -> float | None:
    first, _, second = (root.text(f"{folder}/cpu.max") or "").partition(" ")
    if not first:
        first = root.text(f"{folder}/cpu.cfs_quota_us") or ""
        second = root.text(f"{folder}/cpu.cfs_period_us") or ""
    try:
        quota, period = int(first), int(second)
    except ValueError:  # 'max'
        return None
    return quota / period if quota > 0 and period > 0 else None


def _groups(root: Root, controller: str) -> list[str]:
    """Folders of the groups that this controller limits the process by, its own first."""
    unified = None
    for line in (root.text("/proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            return _up(f"{_MOUNT}/{controller}", path)
        if number == "0" and not controllers:
            unified = path
    if unified is None:
        return []
    # Where both versions are mounted, the second has a folder of its own.
    both = not root.exists(f"{_MOUNT}/cgroup.controllers")
    return _up(f"{_MOUNT}/unified" if both else _MOUNT, unified)


def _up(mount: str, path: str) -> list[str]:
    """A container without a namespace of its own reads a path it cannot see; the mount is its group then."""
    group = PurePosixPath(path)
    if ".." in group.parts:  # the process is outside of the namespace it reads this in
        return [mount]
    return [f"{mount}{str(each).rstrip('/')}" for each in (group, *group.parents)]
