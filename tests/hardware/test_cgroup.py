"""Limits of control groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.hardware.cgroup import cpu_quota, memory_limits
from kanoa_mlops.hardware.root import Root
from tests.hardware.recorded import laid_out

GIB = 2**30
TOP = "/sys/fs/cgroup"


def root(folder: Path, files: dict[str, Any]) -> Root:
    return laid_out({"files": files}, folder).root


def test_a_limit_above_binds_a_nested_group(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "0::/user.slice/app.scope\n",
        f"{TOP}/cgroup.controllers": "memory\n",
        f"{TOP}/user.slice/memory.max": f"{8 * GIB}\n",
        f"{TOP}/user.slice/memory.current": f"{3 * GIB}\n",
        f"{TOP}/user.slice/app.scope/memory.max": "max\n",
        f"{TOP}/user.slice/cpu.max": "max 100000\n",
        f"{TOP}/user.slice/app.scope/cpu.max": "150000 100000\n",
    }
    found = root(tmp_path, files)
    assert list(memory_limits(found)) == [(8 * GIB, 3 * GIB)]
    assert cpu_quota(found) == 1.5


def test_a_group_that_is_throttled_above_a_mark_has_its_limit_there(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "0::/\n",
        f"{TOP}/cgroup.controllers": "memory\n",
        f"{TOP}/memory.max": f"{8 * GIB}\n",
        f"{TOP}/memory.high": f"{6 * GIB}\n",
    }
    assert list(memory_limits(root(tmp_path, files))) == [(6 * GIB, 0)]


def test_a_container_without_a_namespace_is_limited_by_what_it_sees(tmp_path: Path) -> None:
    """It reads the host's path and sees its own group at the mount."""
    files = {
        "/proc/self/cgroup": "5:memory:/docker/0123abcd\n2:cpu,cpuacct:/docker/0123abcd\n",
        f"{TOP}/memory/memory.limit_in_bytes": f"{2 * GIB}\n",
        f"{TOP}/memory/memory.usage_in_bytes": f"{GIB}\n",
        f"{TOP}/cpu/cpu.cfs_quota_us": "50000\n",
        f"{TOP}/cpu/cpu.cfs_period_us": "100000\n",
    }
    found = root(tmp_path, files)
    assert list(memory_limits(found)) == [(2 * GIB, GIB)]
    assert cpu_quota(found) == 0.5


def test_a_process_outside_of_its_namespace_is_limited_by_the_mount(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "0::/../../init.scope\n",
        f"{TOP}/cgroup.controllers": "memory\n",
        f"{TOP}/memory.max": f"{GIB}\n",
    }
    assert list(memory_limits(root(tmp_path, files))) == [(GIB, 0)]


@pytest.mark.parametrize("cgroup", ["", "0::/\n", "1:name=systemd:/\n"])
def test_without_limits_there_are_none(cgroup: str, tmp_path: Path) -> None:
    found = root(tmp_path, {"/proc/self/cgroup": cgroup})
    assert list(memory_limits(found)) == []
    assert cpu_quota(found) is None
