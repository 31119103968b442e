"""Versions of programs, as they name themselves."""

from __future__ import annotations

import re


def numbers(version: str) -> tuple[int, int, int]:
    """'v0.30.0-rc1' to (0, 30, 0); zeros where it names no number, as what was built from source may."""
    found = re.match(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?", version)
    major, minor, patch = found.groups() if found else (0, 0, 0)
    return int(major or 0), int(minor or 0), int(patch or 0)


def is_known(version: str | None) -> bool:
    return bool(version) and any(numbers(version or ""))
