"""What an engine holds of the machine's memory, its children included."""

from __future__ import annotations

import psutil


def held_bytes(process: psutil.Process) -> int | None:
    """Pages that several of them share are counted once, where the system tells; None if it is gone."""
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return None
    sizes = [size for each in family if (size := _held(each)) is not None]
    return sum(sizes) if sizes else None


def _held(process: psutil.Process) -> int | None:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.rss))
    except psutil.Error:
        return None
