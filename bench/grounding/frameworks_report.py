"""The survey's table, for a terminal and for the document."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from bench.grounding.footprint import Footprint

_MB = 1_000_000
_HEADS = ("", "version", "dists", "MB", "import s", "RSS MB")


def report(found: Sequence[Footprint]) -> None:
    widths = (24, 12, 8, 9, 11, 9)
    for row in (_HEADS, *map(_row, found)):
        name, version, *figures = (
            f"{cell:{'<' if at < 2 else '>'}{widths[at]}}" for at, cell in enumerate(row)
        )
        print("".join((name, version, *figures)))
    print(f"\n{_when_and_where()}")


def as_markdown(found: Sequence[Footprint]) -> str:
    def lines() -> Iterator[str]:
        yield "| " + " | ".join(_HEADS) + " |"
        yield "| --- | --- | --: | --: | --: | --: |"
        for each in found:
            yield "| " + " | ".join(_row(each)) + " |"
        yield f"\n{_when_and_where()}"

    return "\n".join(lines())


def _row(each: Footprint) -> tuple[str, ...]:
    figures = (f"{each.bytes / _MB:,.1f}", f"{each.import_seconds:.2f}", f"{each.memory_bytes / _MB:.0f}")
    return (each.name, each.version, str(each.distributions), *figures)


def _when_and_where() -> str:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors ({platform.machine()}), "
        f"{platform.system()}, Python {platform.python_version()}, load average {load}."
    )
