"""What other programs took of the processors: on a busy machine, speeds are not the engine's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Reading:
    """Seconds of processors since the machine was started."""

    total: float
    busy: float
    ours: float
    """Of them, by the processes that are measured."""


def read(ours: Sequence[psutil.Process]) -> Reading:
    """
    Args:
        ours: with all that they started.
    """
    times = psutil.cpu_times()
    # Linux counts guests twice: as theirs and as the user's.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    idle = times.idle + getattr(times, "iowait", 0.0)
    family = {each.pid: each for root in ours for each in _family(root)}
    return Reading(total, total - idle, sum(_seconds(each) for each in family.values()))


def others_share(before: Reading, after: Reading) -> float:
    """Of all processors between two readings, from 0 to 1."""
    passed = after.total - before.total
    if passed <= 0:
        return 0.0
    theirs = (after.busy - before.busy) - (after.ours - before.ours)
    return min(1.0, max(0.0, theirs / passed))


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
