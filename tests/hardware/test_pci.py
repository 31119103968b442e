"""The PCI bus."""

from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.hardware import pci
from kanoa_mlops.hardware.root import Root
from tests.hardware.recorded import laid_out


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("00000000:01:00.0", "0000:01:00.0"),
        ("0000000F:01:00.0", "000f:01:00.0"),
        ("00010000:E1:00.0", "10000:e1:00.0"),
        ("nonsense", "nonsense"),
    ],
)
def test_addresses_are_written_as_the_kernel_writes_them(said: str, address: str) -> None:
    assert pci.canonical(said) == address


def test_the_way_to_a_device_leads_from_the_root_port(tmp_path: Path) -> None:
    way = "0000:00:01.1/0000:01:00.0/0000:02:00.0"
    root = laid_out({"pci": {way: {"class": "0x030000"}}}, tmp_path).root
    assert pci.path_to(root, "0000:02:00.0") == tuple(way.split("/"))
    assert pci.path_to(root, "0000:09:00.0") == ()


def test_only_graphics_of_the_vendor_are_found(tmp_path: Path) -> None:
    devices = {
        "0000:00:02.0": {"class": "0x030000", "vendor": "0x8086", "device": "0x3e92"},
        "0000:00:1f.3": {"class": "0x040300", "vendor": "0x8086", "device": "0xa348"},
        "0000:00:03.0": {"class": "0x030200", "vendor": "0x10de", "device": "0x2330", "driver": "nvidia"},
    }
    root = laid_out({"pci": devices}, tmp_path).root
    (ours,) = pci.graphics(root, pci.INTEL)
    assert (str(ours), ours.driver, ours.on_board) == ("8086:3e92 at 0000:00:02.0", "", True)
    assert [each.driver for each in pci.graphics(root, pci.NVIDIA)] == ["nvidia"]


def test_a_name_is_looked_up_under_its_own_vendor(tmp_path: Path) -> None:
    names = "10de  NVIDIA Corporation\n\t2684  AD102 [GeForce RTX 4090]\n8086  Intel\n\t2684  Another\n"
    root = laid_out({"files": {"/usr/share/hwdata/pci.ids": names}}, tmp_path).root
    card = pci.Device("0000:01:00.0", pci.NVIDIA, 0x2684, "")
    assert pci.product(root, card) == "AD102 [GeForce RTX 4090]"
    assert pci.product(root, pci.Device("0000:01:00.0", pci.AMD, 0x2684, "")) == ""
    assert pci.product(Root(tmp_path / "none"), card) == ""


def test_this_machines_bus_is_read() -> None:
    root = Root()
    shown = [address for vendor in (pci.NVIDIA, pci.AMD, pci.INTEL) for address in pci.graphics(root, vendor)]
    assert all(pci.path_to(root, card.address)[-1] == card.address for card in shown)
    assert root.unreadable == {}
