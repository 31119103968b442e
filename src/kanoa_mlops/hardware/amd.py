"""AMD's graphics processors, as the kernel's compute driver (kfd) lists them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

from kanoa_mlops.catalog.types import Accelerator, Link
from kanoa_mlops.hardware import pci
from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.link import link_of, sysfs_link
from kanoa_mlops.hardware.memory import Memory
from kanoa_mlops.hardware.root import Root

_NODES = "/sys/class/kfd/kfd/topology/nodes"
_KFD = "/dev/kfd"
_PROCESSES = "/sys/class/kfd/kfd/proc"
_NAMES = ("/usr/share/libdrm/amdgpu.ids", "/opt/amdgpu/share/libdrm/amdgpu.ids")
_PROPERTY = re.compile(r"^(\w+) (\d+)$", re.MULTILINE)
_APUS = {
    *("gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1103"),
    *("gfx1150", "gfx1151", "gfx1152", "gfx1153"),
}
"""Part of a processor: 'APU' in https://llvm.org/docs/AMDGPUUsage.html#processors"""
_PLANNED_APUS = {"gfx1150", "gfx1151"}
"""Those that AMD supports for compute: https://rocm.docs.amd.com/projects/radeon-ryzen/en/latest/"""


@dataclass(frozen=True)
class _Node:
    folder: str
    properties: dict[str, int]

    @property
    def target(self) -> str:
        """'gfx942' from 90402."""
        version = self.properties["gfx_target_version"]
        return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"

    @property
    def render(self) -> str:
        return f"renderD{self.properties.get('drm_render_minor', 0)}"

    @property
    def device(self) -> str:
        return f"/sys/class/drm/{self.render}/device"

    @property
    def integrated(self) -> bool:
        return self.target in _APUS or self.properties.get("cpu_cores_count", 0) > 0


def find_amd(host: Host, memory: Memory) -> Findings:
    """Cards, or the processor's own graphics where there are none."""
    root = host.root
    nodes = _nodes(root)
    if not nodes:
        return Findings(unknown=tuple(_unlisted(root, card) for card in pci.graphics(root, pci.AMD)))
    cards = [node for node in nodes if not node.integrated]
    findings = _cards(root, cards) if cards else _chip(root, nodes[0], memory)
    version = root.text("/sys/module/amdgpu/version")  # only where the driver is not the kernel's own
    return replace(
        findings,
        drivers={"amd": version} if version else {},
        unknown=(*findings.unknown, *(_forbidden(root) if findings.accelerators else ())),
    )


def held_on_amd(root: Root, pid: int) -> int:
    """Bytes that a process has on all cards together; the driver keeps a folder for each that computes."""
    folder = f"{_PROCESSES}/{pid}"
    names = (name for name in root.names(folder) if name.startswith("vram_"))
    return sum(root.number(f"{folder}/{name}") or 0 for name in names)


def _nodes(root: Root) -> list[_Node]:
    """Of graphics processors, in the order programs count them."""
    nodes = []
    for number in sorted(root.names(_NODES), key=lambda name: (len(name), name)):
        properties = _properties(root, f"{_NODES}/{number}")
        if properties.get("simd_count") and properties.get("gfx_target_version"):
            nodes.append(_Node(f"{_NODES}/{number}", properties))
    return nodes


def _properties(root: Root, folder: str) -> dict[str, int]:
    text = root.text(f"{folder}/properties") or ""
    return {name: int(value) for name, value in _PROPERTY.findall(text)}


def _cards(root: Root, nodes: list[_Node]) -> Findings:
    unknown: list[str] = []
    shown = [node for node in nodes if root.exists(f"/dev/dri/{node.render}")]
    if hidden := len(nodes) - len(shown):
        unknown.append(f"{hidden} of {len(nodes)} AMD cards: not handed to this container")
    found = [card for node in shown if (card := _card(root, node, unknown))]
    return Findings(tuple(found), unknown=tuple(unknown))


def _card(root: Root, node: _Node, unknown: list[str]) -> Accelerator | None:
    name, address = _name(root, node), _address(root, node)
    total = root.number(f"{node.device}/mem_info_vram_total") or _banks(root, node)
    used = root.number(f"{node.device}/mem_info_vram_used")
    if not total:
        unknown.append(f"{name}: its memory cannot be read")
        return None
    if used is None:
        unknown.append(f"{name}: how much of its memory is in use cannot be read")
    return Accelerator(
        vendor="amd",
        name=name,
        memory_total=total,
        memory_available=total - (used or 0),
        capability=node.target,
        link=link_of(root, address, sysfs_link(root, address)) if address else Link(kind="unknown"),
    )


def _chip(root: Root, node: _Node, memory: Memory) -> Findings:
    """The processor's own graphics.

    It has what the firmware set aside for it, or may borrow the machine's (GTT) up to a limit of the driver,
    which gives programs the larger of the two and not both.
    """
    name = _name(root, node)
    if node.target not in _PLANNED_APUS:
        return Findings(aside=(f"{name} ({node.target}), part of the processor: found, and not planned for",))
    sizes = {kind: root.number(f"{node.device}/mem_info_{kind}_total") or 0 for kind in ("vram", "gtt")}
    kind = max(sizes, key=lambda each: sizes[each])
    free = max(0, sizes[kind] - (root.number(f"{node.device}/mem_info_{kind}_used") or 0))
    borrowed = kind == "gtt"
    accelerator = Accelerator(
        vendor="amd",
        name=name,
        memory_total=min(sizes[kind], memory.total) if borrowed else sizes[kind],
        memory_available=min(free, memory.available) if borrowed else free,
        capability=node.target,
        link=Link(kind="on-chip"),
    )
    return Findings((accelerator,), unified=borrowed)


def _banks(root: Root, node: _Node) -> int:
    """Bytes of the banks that are the card's own (heap types 1 and 2)."""
    folder = f"{node.folder}/mem_banks"
    banks = [_properties(root, f"{folder}/{number}") for number in root.names(folder)]
    return sum(bank.get("size_in_bytes", 0) for bank in banks if bank.get("heap_type") in (1, 2))


def _address(root: Root, node: _Node) -> str:
    """Of the card's outermost port: inside, a switch of its own always shows full speed."""
    there = root.resolved(node.device)
    path = pci.path_to(root, there.name) if there else ()
    own = [each for each in path if root.number(f"{pci.DEVICES}/{each}/vendor") == pci.AMD]
    return own[0] if own else ""


def _name(root: Root, node: _Node) -> str:
    """As the driver or AMD's own list of names calls it."""
    if name := root.text(f"{node.device}/product_name"):
        return name
    wanted = (node.properties.get("device_id", 0), root.number(f"{node.device}/revision") or 0)
    for path in _NAMES:
        for line in (root.text(path) or "").splitlines():
            parts = [part.strip() for part in line.split(",", 2)]
            if len(parts) == 3 and (_hexadecimal(parts[0]), _hexadecimal(parts[1])) == wanted:
                return parts[2]
    return f"AMD {node.target}"


def _hexadecimal(digits: str) -> int | None:
    try:
        return int(digits, 16)
    except ValueError:
        return None


def _forbidden(root: Root) -> tuple[str, ...]:
    """Why programs of this user cannot compute there, where they cannot."""
    if os.access(root.real(_KFD), os.W_OK):
        return ()
    if root.exists(_KFD):
        return (f"AMD graphics: this user may not use {_KFD}; add it to the group render",)
    return (f"AMD graphics: {_KFD} is not there; a container gets it with --device {_KFD} --device /dev/dri",)


def _unlisted(root: Root, card: pci.Device) -> str:
    held = f"its driver is {card.driver}" if card.driver else "no driver is loaded for it"
    return f"{pci.product(root, card) or 'AMD graphics'} ({card}): not listed for compute; {held}"
