"""The PCI bus as sysfs shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kanoa_mlops.hardware.root import Root

DEVICES = "/sys/bus/pci/devices"
NVIDIA, AMD, INTEL = 0x10DE, 0x1002, 0x8086

_ADDRESS = re.compile(r"^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")
_GRAPHICS = (0x03, 0x12)
"""Base classes 'display controller' and 'processing accelerator'."""
_NAMES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids")


@dataclass(frozen=True)
class Device:
    address: str
    """'0000:01:00.0'."""
    vendor: int
    device: int
    driver: str
    """The kernel's driver that holds it; '' where none does."""

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.device:04x} at {self.address}"

    @property
    def on_board(self) -> bool:
        """On the root bus itself, where only what is part of the processor or chipset is."""
        return self.address.split(":")[1] == "00"


def graphics(root: Root, vendor: int) -> Iterator[Device]:
    """Graphics processors of this vendor, whether or not a driver holds them."""
    for address in root.names(DEVICES):
        kind = root.number(f"{DEVICES}/{address}/class")
        if kind is None or kind >> 16 not in _GRAPHICS:
            continue
        if root.number(f"{DEVICES}/{address}/vendor") == vendor:
            driver = root.resolved(f"{DEVICES}/{address}/driver")
            device = root.number(f"{DEVICES}/{address}/device") or 0
            yield Device(address, vendor, device, driver.name if driver else "")


def path_to(root: Root, address: str) -> tuple[str, ...]:
    """Addresses from the root port down to the device itself; empty where the bus does not show it."""
    there = root.resolved(f"{DEVICES}/{address}")
    return tuple(part for part in there.parts if _ADDRESS.match(part)) if there else ()


def canonical(address: str) -> str:
    """'00000000:01:00.0', as NVIDIA writes it, to '0000:01:00.0', as the kernel does."""
    domain, _, rest = address.lower().partition(":")
    try:
        return f"{int(domain, 16):04x}:{rest}"
    except ValueError:
        return address.lower()


def product(root: Root, device: Device) -> str:
    """What the list of PCI names calls it; '' where there is no list or no entry."""
    for path in _NAMES:
        if listed := root.text(path):
            return _listed(listed, f"{device.vendor:04x}  ", f"\t{device.device:04x}  ")
    return ""


def _listed(names: str, vendor: str, device: str) -> str:
    inside = False
    for line in names.splitlines():
        if not line.startswith(("\t", "#")):
            inside = line.startswith(vendor)
        elif inside and line.startswith(device):
            return line[len(device) :]
    return ""
