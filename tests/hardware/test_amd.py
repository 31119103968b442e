"""AMD's graphics, where the recorded machines do not show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.hardware.amd import find_amd
from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.memory import Memory
from tests.hardware.recorded import laid_out

GIB = 2**30
MEMORY = Memory(64 * GIB, 50 * GIB)
NODE = "/sys/class/kfd/kfd/topology/nodes/1"
DEVICE = "/sys/devices/pci0000:00/0000:00:08.1/0000:c5:00.0"
LINKS = {"/sys/class/drm/renderD128/device": f"../../..{DEVICE.removeprefix('/sys')}"}


def found(folder: Path, version: int, **files: str) -> Findings:
    """Of one graphics processor of this target; `files` are the device's."""
    laid = {
        f"{NODE}/properties": f"simd_count 80\ngfx_target_version {version}\ndrm_render_minor 128\n",
        f"{DEVICE}/uevent": "",
        "/dev/kfd": "",
        "/dev/dri/renderD128": "",
        **{f"{DEVICE}/{name}": f"{value}\n" for name, value in files.items()},
    }
    return find_amd(laid_out({"files": laid, "links": LINKS}, folder), MEMORY)


@pytest.mark.parametrize(
    ("version", "target"),
    [(90402, "gfx942"), (90010, "gfx90a"), (110000, "gfx1100"), (120001, "gfx1201"), (90500, "gfx950")],
)
def test_targets_are_named_as_compilers_name_them(version: int, target: str, tmp_path: Path) -> None:
    (card,) = found(tmp_path, version, mem_info_vram_total=str(16 * GIB), mem_info_vram_used="0").accelerators
    assert (card.capability, card.name) == (target, f"AMD {target}")


def test_memory_is_read_from_the_banks_where_the_card_does_not_tell_it(tmp_path: Path) -> None:
    """As for the parts of a card that was partitioned."""
    files: dict[str, Any] = {
        f"{NODE}/properties": "simd_count 304\ngfx_target_version 90402\ndrm_render_minor 129\n",
        f"{NODE}/mem_banks/0/properties": f"heap_type 1\nsize_in_bytes {24 * GIB}\nflags 0\nwidth 8192\n",
        f"{NODE}/mem_banks/1/properties": f"heap_type 0\nsize_in_bytes {512 * GIB}\n",
        "/dev/kfd": "",
        "/dev/dri/renderD129": "",
    }
    findings = find_amd(laid_out({"files": files}, tmp_path), MEMORY)
    (card,) = findings.accelerators
    assert (card.memory_total, card.link.kind) == (24 * GIB, "unknown")
    assert findings.unknown == ("AMD gfx942: how much of its memory is in use cannot be read",)


def test_a_card_whose_memory_nobody_tells_is_no_accelerator(tmp_path: Path) -> None:
    findings = found(tmp_path, 110000)
    assert findings.accelerators == ()
    assert findings.unknown == ("AMD gfx1100: its memory cannot be read",)


def test_firmware_may_give_the_processors_graphics_memory_of_its_own(tmp_path: Path) -> None:
    findings = found(
        tmp_path,
        110501,
        mem_info_vram_total=str(96 * GIB),
        mem_info_vram_used=str(GIB),
        mem_info_gtt_total=str(16 * GIB),
    )
    (chip,) = findings.accelerators
    assert (chip.memory_total, chip.memory_available, chip.link.kind) == (96 * GIB, 95 * GIB, "on-chip")
    assert not findings.unified


def test_borrowed_memory_is_no_more_than_the_machine_can_spare(tmp_path: Path) -> None:
    sizes = {"mem_info_vram_total": str(GIB // 2), "mem_info_gtt_total": str(120 * GIB)}
    findings = found(tmp_path, 110501, mem_info_gtt_used="0", **sizes)
    (chip,) = findings.accelerators
    assert (chip.memory_total, chip.memory_available) == (MEMORY.total, MEMORY.available)
    assert findings.unified


def test_small_graphics_of_a_processor_are_named_and_not_planned_for(tmp_path: Path) -> None:
    findings = found(tmp_path, 100306, mem_info_vram_total=str(GIB // 2))
    assert findings.accelerators == ()
    assert findings.aside == ("AMD gfx1036 (gfx1036), part of the processor: found, and not planned for",)


def test_without_the_compute_device_a_container_is_told_how_to_get_it(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        f"{NODE}/properties": "simd_count 80\ngfx_target_version 110000\ndrm_render_minor 128\n",
        f"{DEVICE}/mem_info_vram_total": str(16 * GIB),
        f"{DEVICE}/mem_info_vram_used": "0",
        "/dev/dri/renderD128": "",
    }
    findings = find_amd(laid_out({"files": files, "links": LINKS}, tmp_path), MEMORY)
    assert findings.unknown == (
        "AMD graphics: /dev/kfd is not there; a container gets it with --device /dev/kfd --device /dev/dri",
    )


def test_a_card_that_compute_does_not_know_is_named(tmp_path: Path) -> None:
    card = {"class": "0x030000", "vendor": "0x1002", "device": "0x67df", "driver": "amdgpu"}
    host = laid_out({"pci": {"0000:00:01.0/0000:01:00.0": card}}, tmp_path)
    assert find_amd(host, MEMORY).unknown == (
        "AMD graphics (1002:67df at 0000:01:00.0): not listed for compute; its driver is amdgpu",
    )
