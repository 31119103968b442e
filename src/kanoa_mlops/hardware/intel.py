"""Intel's graphics processors, which no engine here is planned for: named, so that nobody wonders."""

from __future__ import annotations

from kanoa_mlops.hardware import pci
from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.host import Host
from kanoa_mlops.hardware.root import Root


def find_intel(host: Host) -> Findings:
    """Cards; the processor's own graphics is worth a word only where there is nothing else."""
    cards = list(pci.graphics(host.root, pci.INTEL))
    return Findings(
        unknown=tuple(_named(host.root, card) for card in cards if not card.on_board),
        aside=tuple(_named(host.root, card) for card in cards if card.on_board),
    )


def _named(root: Root, card: pci.Device) -> str:
    return f"{pci.product(root, card) or 'Intel graphics'} ({card}): found, and not planned for"
