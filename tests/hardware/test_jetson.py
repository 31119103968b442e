"""Jetson modules."""

from __future__ import annotations

from pathlib import Path

from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.jetson import find_jetson
from kanoa_mlops.hardware.memory import Memory
from tests.hardware.recorded import laid_out

MEMORY = Memory(64 * 2**30, 60 * 2**30)


def test_other_machines_are_none(tmp_path: Path) -> None:
    files = {"/proc/device-tree/compatible": "raspberrypi,5-model-b\0brcm,bcm2712\0"}
    assert find_jetson(laid_out({"files": files}, tmp_path), MEMORY) == Findings()


def test_a_chip_that_is_not_known_is_one_without_a_capability(tmp_path: Path) -> None:
    files = {"/sys/firmware/devicetree/base/compatible": "nvidia,p9999\0nvidia,tegra999\0"}
    findings = find_jetson(laid_out({"files": files}, tmp_path), MEMORY)
    (chip,) = findings.accelerators
    assert (chip.name, chip.capability, chip.memory_total) == ("NVIDIA Jetson", None, MEMORY.total)
    assert findings.unified


def test_in_a_container_only_the_release_tells(tmp_path: Path) -> None:
    files = {"/etc/nv_tegra_release": "# R36 (release), REVISION: 4.0, GCID: 1, BOARD: generic\n"}
    findings = find_jetson(laid_out({"files": files}, tmp_path), MEMORY)
    assert findings.title == "NVIDIA Jetson, L4T 36.4.0"
    assert findings.unknown == ("which Jetson this is: the device tree is not shown to this container",)
