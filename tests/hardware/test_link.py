"""How cards are attached, where the recorded machines do not show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.catalog.types import Link
from kanoa_mlops.hardware.link import link_of, sysfs_link
from tests.hardware.recorded import laid_out

CARD = "0000:03:00.0"
PORT = "0000:00:01.1"
SAID = Link(kind="unknown", generation=4, width=4, most_generation=4, most_width=4)
BUS = "/sys/bus/thunderbolt/devices"


def link(folder: Path, machine: dict[str, Any]) -> Link:
    return link_of(laid_out(machine, folder).root, CARD, SAID)


def test_a_port_that_faces_outward_and_is_no_tunnel_is_unknown(tmp_path: Path) -> None:
    """OCuLink cannot be told from a hot-plug bay; four lanes are a hint and no proof."""
    machine = {"pci": {PORT: {"class": "0x060400"}, f"{PORT}/{CARD}": {"removable": "removable"}}}
    assert link(tmp_path, machine) == SAID


def test_a_card_in_a_slot_of_four_lanes_is_in_a_slot(tmp_path: Path) -> None:
    machine = {"pci": {PORT: {"removable": "fixed"}, f"{PORT}/{CARD}": {"removable": "fixed"}}}
    assert link(tmp_path, machine) == SAID.model_copy(update={"kind": "pcie", "bandwidth": 7876923077})


def test_a_card_the_bus_does_not_show_keeps_what_the_driver_said(tmp_path: Path) -> None:
    assert link(tmp_path, {}) == SAID


def host_interface(*, generation: int, far: dict[str, int], shared: bool) -> dict[str, Any]:
    """A controller of its own with routers behind it; the card behind its switch, or beside it."""
    switch = "0000:00:1c.0/0000:05:00.0"
    interface = f"{switch}/0000:06:00.0/0000:07:00.0"
    way = f"{switch}/0000:06:01.0/{CARD}" if shared else f"{PORT}/{CARD}"
    domain = f"../../../devices/pci0000:00/{interface}/domain0"
    routers = {"0-0": generation, **far}
    return {
        "pci": {interface: {"class": "0x088000"}, way: {"class": "0x030000"}},
        "links": {
            f"{BUS}/domain0": domain,
            **{f"{BUS}/{name}": f"{domain}/{name}" for name in routers},
        },
        "files": {
            f"/sys/devices/pci0000:00/{interface}/domain0/{name}/generation": f"{number}\n"
            for name, number in routers.items()
        },
    }


def test_thunderbolt_3_is_told_with_its_generation(tmp_path: Path) -> None:
    machine = host_interface(generation=3, far={"0-1": 3}, shared=True)
    assert link(tmp_path, machine) == Link(kind="thunderbolt", generation=3)


def test_the_older_end_decides(tmp_path: Path) -> None:
    machine = host_interface(generation=4, far={"0-1": 3}, shared=True)
    assert link(tmp_path, machine) == Link(kind="thunderbolt", generation=3)


def test_of_several_devices_none_is_taken_for_the_cards(tmp_path: Path) -> None:
    machine = host_interface(generation=4, far={"0-1": 4, "0-301": 3}, shared=True)
    assert link(tmp_path, machine) == Link(kind="thunderbolt", generation=None)


def test_a_card_beside_the_controller_is_in_a_slot(tmp_path: Path) -> None:
    machine = host_interface(generation=4, far={"0-1": 4}, shared=False)
    assert link(tmp_path, machine).kind == "pcie"


def test_a_card_on_a_switch_with_the_controller_is_in_a_slot(tmp_path: Path) -> None:
    """A chipset is a switch too: what shares it with the controller is not behind the controller."""
    switch = "0000:00:01.2/0000:02:00.0"
    interface = f"{switch}/0000:04:01.0/0000:05:00.0/0000:06:00.0/0000:07:00.0"
    machine = {
        "pci": {interface: {"class": "0x088000"}, f"{switch}/0000:04:08.0/{CARD}": {"class": "0x030000"}},
        "links": {f"{BUS}/domain0": f"../../../devices/pci0000:00/{interface}/domain0"},
        "folders": [f"/sys/devices/pci0000:00/{interface}/domain0"],
    }
    assert link(tmp_path, machine).kind == "pcie"


@pytest.mark.parametrize(
    ("generation", "width", "bandwidth"),
    [
        (1, 16, 4_000_000_000),
        (2, 4, 2_000_000_000),
        (6, 16, 121_000_000_000),
        (7, 16, None),
        (None, 16, None),
    ],
)
def test_bandwidth_follows_from_generation_and_width(
    generation: int | None, width: int, bandwidth: float | None, tmp_path: Path
) -> None:
    root = laid_out({"pci": {f"{PORT}/{CARD}": {"class": "0x030000"}}}, tmp_path).root
    said = Link(kind="unknown", generation=generation, width=width)
    assert link_of(root, CARD, said).bandwidth == bandwidth


def test_the_slot_bounds_what_a_card_can(tmp_path: Path) -> None:
    fast = {"max_link_speed": "32.0 GT/s PCIe", "max_link_width": "16"}
    slow = {"max_link_speed": "16.0 GT/s PCIe", "max_link_width": "4"}
    now = {"current_link_speed": "2.5 GT/s PCIe", "current_link_width": "4"}
    root = laid_out({"pci": {PORT: slow, f"{PORT}/{CARD}": fast | now}}, tmp_path).root
    assert sysfs_link(root, CARD) == Link(
        kind="unknown", generation=1, width=4, most_generation=4, most_width=4
    )


def test_a_link_that_is_down_or_not_told_is_none(tmp_path: Path) -> None:
    down = {"current_link_speed": "Unknown", "current_link_width": "0"}
    root = laid_out({"pci": {f"{PORT}/{CARD}": down}}, tmp_path).root
    assert sysfs_link(root, CARD) == Link(kind="unknown")
