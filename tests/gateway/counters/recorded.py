"""What real engines told; see `tests/fixtures/counters/README.md`."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "fixtures" / "counters"


def recorded(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
