"""NVIDIA's Jetson modules, by their device tree; the driver there says little of the graphics processor."""

from __future__ import annotations

import re

from kanoa_mlops.catalog.types import Accelerator, Link
from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.memory import Memory
from kanoa_mlops.hardware.root import Root

_TREES = ("/proc/device-tree", "/sys/firmware/devicetree/base")
_RELEASE = "/etc/nv_tegra_release"
_CAPABILITIES = {"nvidia,tegra194": "7.2", "nvidia,tegra234": "8.7", "nvidia,tegra264": "11.0"}
"""Xavier, Orin, Thor: https://developer.nvidia.com/cuda-gpus"""


def find_jetson(host: Host, memory: Memory) -> Findings:
    """The module's graphics processor, which shares the machine's memory; nothing on other machines."""
    chips = [each for each in _tree(host.root, "compatible").split("\0") if each.startswith("nvidia,tegra")]
    release = host.root.text(_RELEASE) or ""
    if not chips and not release:
        return Findings()
    model = _tree(host.root, "model") or "NVIDIA Jetson"
    accelerator = Accelerator(
        vendor="nvidia",
        name=model,
        memory_total=memory.total,
        memory_available=memory.available,
        capability=next((_CAPABILITIES[each] for each in chips if each in _CAPABILITIES), None),
        link=Link(kind="on-chip"),
    )
    # Containers do not see the device tree; then only the release says that this is one.
    unknown = () if chips else ("which Jetson this is: the device tree is not shown to this container",)
    return Findings((accelerator,), unified=True, title=_title(model, release), unknown=unknown)


def _tree(root: Root, name: str) -> str:
    return next((text for tree in _TREES if (text := root.text(f"{tree}/{name}"))), "")


def _title(model: str, release: str) -> str:
    """With the version of Jetson Linux, from '# R36 (release), REVISION: 4.3, ...'."""
    match = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", release)
    return f"{model}, L4T {match[1]}.{match[2]}" if match else model
