from pathlib import Path

from kanoa_mlops.hardware.cpu import cpu_name, memory, usable_cores
from kanoa_mlops.hardware.machine import probe_machine


def test_this_machine_is_described() -> None:
    machine = probe_machine()
    assert machine.cores >= 1
    assert 0 < machine.memory_available <= machine.memory_total


def test_a_quota_of_the_control_group_bounds_the_cores(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert usable_cores(tmp_path) == 1


def test_a_limit_of_the_control_group_bounds_the_memory(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{512 * 2**20}\n")
    (tmp_path / "memory.current").write_text(f"{112 * 2**20}\n")
    assert memory(tmp_path) == (512 * 2**20, 400 * 2**20)


def test_no_limit_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert usable_cores(tmp_path) == usable_cores(tmp_path / "nothing")
    assert memory(tmp_path)[0] == memory(tmp_path / "nothing")[0]


def test_a_processor_without_a_name_is_called_by_its_architecture(tmp_path: Path) -> None:
    assert cpu_name(tmp_path / "nothing")
