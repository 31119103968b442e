"""The Windows Subsystem for Linux."""

from __future__ import annotations

from kanoa_mlops.hardware.root import Root


def is_wsl(root: Root) -> bool:
    """Microsoft's kernels say so in their version."""
    return "microsoft" in (root.text("/proc/version") or "").lower()
