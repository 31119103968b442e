"""Whether a PCI device sits behind a Thunderbolt or USB4 tunnel.

Attributes: https://docs.kernel.org/admin-guide/thunderbolt.html and the kernel's
Documentation/ABI/testing/sysfs-bus-thunderbolt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.hardware.pci import DEVICES, path_to
from kanoa_mlops.hardware.root import Root

_BUS = "/sys/bus/thunderbolt/devices"
_ROUTER = re.compile(r"^(\d+)-([0-9a-f]+)$")
_USB4 = 4
"""The generation the kernel gives to USB4 routers; Thunderbolt 4 and 5 are that."""


@dataclass(frozen=True)
class Tunnel:
    kind: Literal["thunderbolt", "usb4"]
    """The kernel does not tell Thunderbolt 4 from USB4 version 1, so both are that."""
    version: int | None
    """Of Thunderbolt, where known."""


def tunnel(root: Root, path: tuple[str, ...]) -> Tunnel | None:
    """The tunnel that this way down the PCI bus leads through, if it does.

    Args:
        path: from the root port to the device, as `pci.path_to` gives it.
    """
    for domain in root.names(_BUS):
        there = root.resolved(f"{_BUS}/{domain}") if domain.startswith("domain") else None
        if there and _passes(root, path, path_to(root, there.parent.name)):
            return _tunnel(root, domain.removeprefix("domain"))
    return None


def _passes(root: Root, path: tuple[str, ...], host: tuple[str, ...]) -> bool:
    """Whether the way leads through the ports of this host interface (itself the last of `host`).

    On the processor, firmware names the root ports that tunnel, and the kernel links them to the interface.
    On a controller of its own, both hang on the controller's switch, two bridges above the interface.
    """
    if not host:
        return False
    if any(root.exists(f"{DEVICES}/{port}/supplier:pci:{host[-1]}") for port in path):
        return True
    return len(host) >= 3 and host[-3] in path


def _tunnel(root: Root, domain: str) -> Tunnel:
    routers = [name for name in root.names(_BUS) if (match := _ROUTER.match(name)) and match[1] == domain]
    near = root.number(f"{_BUS}/{domain}-0/generation")
    far = [name for name in routers if name != f"{domain}-0" and root.exists(f"{_BUS}/{name}/generation")]
    if len(far) != 1:  # which of several the device is in, the bus does not say
        return Tunnel("thunderbolt", None)
    generation = min(filter(None, (near, root.number(f"{_BUS}/{far[0]}/generation"))), default=None)
    if generation != _USB4:
        return Tunnel("thunderbolt", generation)
    # Only lanes of USB4 version 2, which is sold as Thunderbolt 5, run at 40 Gb/s: https://www.usb.org/usb4
    fast = (root.text(f"{_BUS}/{far[0]}/rx_speed") or "").startswith("40.")
    return Tunnel("thunderbolt", 5) if fast else Tunnel("usb4", None)
