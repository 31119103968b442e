"""How a graphics card is attached."""

from __future__ import annotations

from collections.abc import Iterable

from kanoa_mlops.catalog.types import Link
from kanoa_mlops.hardware.pci import DEVICES, path_to
from kanoa_mlops.hardware.root import Root
from kanoa_mlops.hardware.thunderbolt import tunnel

_TRANSFERS = {1: 2.5e9, 2: 5e9, 3: 8e9, 4: 16e9, 5: 32e9, 6: 64e9}
"""A second and lane, by PCIe generation: https://pcisig.com/faq"""


def link_of(root: Root, address: str, said: Link) -> Link:
    """What the driver said of the link, with its kind and bandwidth.

    A tunnel shows the card a nominal PCIe link that says nothing of the tunnel; its numbers are dropped. A
    port that faces outward and is no tunnel may be OCuLink or a hot-plug bay: that is left unknown.
    """
    path = path_to(root, address)
    if not path:
        return said
    if through := tunnel(root, path):
        return Link(kind=through.kind, generation=through.version)
    if any(root.text(f"{DEVICES}/{each}/removable") == "removable" for each in path):
        return said
    return said.model_copy(update={"kind": "pcie", "bandwidth": _bandwidth(said)})


def sysfs_link(root: Root, address: str) -> Link:
    """Generation and width as the kernel read them from the device and the port it is plugged in."""
    port = (path_to(root, address) or ("",))[-2:][0]
    ends = [each for each in dict.fromkeys((address, port)) if each]
    return Link(
        kind="unknown",
        generation=_generation(root, address, "current_link_speed"),
        width=_width(root, address, "current_link_width"),
        most_generation=_least(_generation(root, each, "max_link_speed") for each in ends),
        most_width=_least(_width(root, each, "max_link_width") for each in ends),
    )


def _bandwidth(link: Link) -> float | None:
    """Bytes a second one way at its best: both fall when the card is idle."""
    generation, width = link.most_generation or link.generation, link.most_width or link.width
    if generation not in _TRANSFERS or not width:
        return None
    # What carries data: 8 bits of 10, from the third on 128 of 130, in the sixth 242 bytes of a flit's 256.
    share = 0.8 if generation <= 2 else 128 / 130 if generation <= 5 else 242 / 256
    return round(_TRANSFERS[generation] * share * width / 8)


def _generation(root: Root, address: str, name: str) -> int | None:
    """From '16.0 GT/s PCIe'."""
    speed = (root.text(f"{DEVICES}/{address}/{name}") or "").split(" ")[0]
    return next((each for each, rate in _TRANSFERS.items() if speed and f"{rate / 1e9:.1f}" == speed), None)


def _width(root: Root, address: str, name: str) -> int | None:
    return root.number(f"{DEVICES}/{address}/{name}") or None  # 0 is 'no link'


def _least(values: Iterable[int | None]) -> int | None:
    return min((each for each in values if each is not None), default=None)
