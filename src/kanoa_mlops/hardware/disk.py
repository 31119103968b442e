"""Room for weights."""

from __future__ import annotations

import shutil
from pathlib import Path

from kanoa_mlops.hardware.findings import Findings


def find_disk(path: Path) -> Findings:
    """Bytes free on the disk that holds, or would hold, the path."""
    there = next(each for each in (path, *path.parents) if each.exists())
    return Findings(disk_free=shutil.disk_usage(there).free)
