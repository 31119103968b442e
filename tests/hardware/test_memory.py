"""Memory of the machine and of the control group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kanoa_mlops.hardware.memory import Memory, linux_memory
from kanoa_mlops.hardware.root import Root
from tests.hardware.recorded import laid_out

MIB = 2**20


def memory(folder: Path, **group: int) -> Memory | None:
    files: dict[str, Any] = {
        "/proc/meminfo": f"MemTotal: {2**20} kB\nMemAvailable: {600 * 2**10} kB\nHugePages_Free: 0\n",
        "/proc/self/cgroup": "0::/\n",
        "/sys/fs/cgroup/cgroup.controllers": "memory\n",
        **{f"/sys/fs/cgroup/memory.{name}": f"{value}\n" for name, value in group.items()},
    }
    return linux_memory(laid_out({"files": files}, folder).root)


def test_without_a_limit_the_kernels_numbers_stand(tmp_path: Path) -> None:
    assert memory(tmp_path) == Memory(1024 * MIB, 600 * MIB)


def test_a_limit_bounds_both(tmp_path: Path) -> None:
    assert memory(tmp_path, max=512 * MIB, current=112 * MIB) == Memory(512 * MIB, 400 * MIB)


def test_a_limit_that_is_wider_than_what_is_free_leaves_that(tmp_path: Path) -> None:
    assert memory(tmp_path, max=900 * MIB, current=0) == Memory(900 * MIB, 600 * MIB)


def test_a_limit_above_the_machine_is_none(tmp_path: Path) -> None:
    assert memory(tmp_path, max=2**63 - 4096, current=1000 * MIB) == Memory(1024 * MIB, 600 * MIB)


def test_a_group_over_its_limit_has_nothing_left(tmp_path: Path) -> None:
    assert memory(tmp_path, max=512 * MIB, current=600 * MIB) == Memory(512 * MIB, 0)


def test_an_old_kernel_tells_only_what_is_free(tmp_path: Path) -> None:
    files = {"/proc/meminfo": "MemTotal:  2048 kB\nMemFree:  1024 kB\n"}
    assert linux_memory(laid_out({"files": files}, tmp_path).root) == Memory(2 * MIB, MIB)


def test_nothing_told_is_nothing_known(tmp_path: Path) -> None:
    assert linux_memory(Root(tmp_path)) is None
