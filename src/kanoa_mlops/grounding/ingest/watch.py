"""A folder followed: mirrored again and again.

By looking every few seconds and not by the system's notices: those do not come from network drives, from
Windows under WSL and through containers' mounts, have limits of their own (inotify's watches), and would save
a look at 10,000 files that costs a fraction of a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Event

from kanoa_mlops.errors import UserError
from kanoa_mlops.grounding.ingest.mirror import MirrorReport

_SHARE = 5  # a look may take this part of the time


def watch(
    look: Callable[[], MirrorReport], *, seconds: float = 2.0, stop: Event | None = None
) -> Iterator[MirrorReport]:
    """By `look`, which mirrors the folder: its reports when something changed or could not be read for the
    first time, and the very first one; until `stop`. A slow look is taken less often.

    Raises:
        UserError: the folder is not there at the first look; later it is waited for.
    """
    stop = stop or Event()
    told: set[tuple[str, str]] = set()
    first = True
    while True:
        begun = time.monotonic()
        try:
            report = look()
        except UserError:
            if first:
                raise
            report = MirrorReport()
        skipped = {(each.source, each.reason) for each in report.skipped}
        if first or not report.is_quiet or skipped - told:
            yield report
        told, first = skipped, False
        if stop.wait(max(seconds, _SHARE * (time.monotonic() - begun))):
            return
