"""Names and cores of processors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kanoa_mlops.hardware.cpu import cpu_name, usable_cores
from kanoa_mlops.hardware.root import Root
from tests.hardware.recorded import laid_out


def test_a_processor_without_a_name_is_called_by_its_architecture(tmp_path: Path) -> None:
    assert cpu_name(Root(tmp_path), "riscv64") == "riscv64"
    assert cpu_name(Root(tmp_path), "") == "unknown"


def test_a_board_gives_its_name_where_the_processor_has_none(tmp_path: Path) -> None:
    files = {
        "/proc/cpuinfo": "processor\t: 0\nCPU part\t: 0xd0b\n\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"
    }
    assert cpu_name(laid_out({"files": files}, tmp_path).root, "aarch64") == "Raspberry Pi 5 Model B Rev 1.0"


@pytest.mark.parametrize(
    ("allowed", "cores"),
    [("0-7", 4), ("0,4", 1), ("0-3", 4), ("2,6-7", 2), ("5", 1)],
)
def test_threads_of_one_core_count_once(allowed: str, cores: int, tmp_path: Path) -> None:
    root = laid_out({"cores": ["0,4", "1,5", "2,6", "3,7"] * 2}, tmp_path).root
    (tmp_path / "proc/self/status").write_text(f"Cpus_allowed:\tff\nCpus_allowed_list:\t{allowed}\n")
    assert usable_cores(root) == cores


def test_processors_without_a_topology_count_each(tmp_path: Path) -> None:
    files = {"/proc/self/status": "Cpus_allowed_list:\t0-2\n"}
    assert usable_cores(laid_out({"files": files}, tmp_path).root) == 3


def test_a_quota_bounds_the_cores_and_leaves_one(tmp_path: Path) -> None:
    group = {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cgroup.controllers": "cpu\n"}
    machine = {"cores": ["0", "1", "2", "3"], "files": group}
    root = laid_out(machine, tmp_path).root
    for quota, cores in (("max", 4), ("390000", 3), ("100000", 1), ("20000", 1)):
        (tmp_path / "sys/fs/cgroup/cpu.max").write_text(f"{quota} 100000\n")
        assert usable_cores(root) == cores


def test_where_nothing_is_told_python_is_asked(tmp_path: Path) -> None:
    assert usable_cores(Root(tmp_path)) == os.cpu_count()
