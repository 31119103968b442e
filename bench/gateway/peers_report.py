"""The table of peers, and what it was made on."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.gateway.results import Figures, Result, Scenario
from bench.gateway.wrk import wrk_version

_MIB = 1024 * 1024
_WIDTH = 11


@dataclass(frozen=True)
class Row:
    """One measure; None where a peer has no such figure."""

    name: str
    values: Sequence[float | None]
    digits: int = 2
    scale: float = 1.0


def report(results: Sequence[Result], rounds: int, seconds: int, booked: int) -> None:
    names = [result.peer.name for result in results]
    others = [name for name in names if name not in ("direct", "gateway")]
    own = names.index("gateway")
    ratios = [f"to {name}" for name in others]
    print(f"{'':<34}" + "".join(f"{name:>{_WIDTH}}" for name in names + ratios))
    for scenario in results[0].figures:
        print(scenario.name)
        for row in _of_load(results, scenario):
            _print(row, own, [names.index(name) for name in others])
    print("the process")
    for row in _of_process(results):
        _print(row, own, [names.index(name) for name in others])
    print(
        f"\nMedians of {rounds} alternating rounds of {seconds} s. Ratios are the gateway's figure by theirs."
    )
    print("Memory is resident, of all processes. Processor time is that of all processes, kernel included.")
    print(f"The gateway's ledger holds {booked:,} requests of this run.\n")
    for line in _about(results):
        print(line)


def _of_load(results: Sequence[Result], scenario: Scenario) -> Iterator[Row]:
    def of(get: Callable[[Figures], float]) -> list[float | None]:
        found = [result.figures.get(scenario) for result in results]
        return [None if figures is None else get(figures) for figures in found]

    p50 = of(lambda figures: figures.p50)
    base = p50[0] or 0.0
    yield Row("requests/s", of(lambda figures: figures.per_second), 1)
    yield Row("p50, ms", p50, scale=1000)
    yield Row("p99, ms", of(lambda figures: figures.p99), scale=1000)
    yield Row("added p50, ms", [None, *(each and each - base for each in p50[1:])], scale=1000)
    yield Row("processor, s for 1,000 requests", of(lambda figures: figures.cpu_per_1000), 3)
    wrong = of(lambda figures: figures.wrong)
    if any(wrong):
        yield Row("not answered 200", wrong, 0)


def _of_process(results: Sequence[Result]) -> Iterator[Row]:
    yield Row("until ready, s", [result.ready_seconds for result in results])
    yield Row("memory at rest, MiB", [result.rest_bytes for result in results], 1, 1 / _MIB)
    opened = [result.opened for result in results]
    yield Row("memory with 1,000 streams, MiB", [result.open_bytes for result in results], 1, 1 / _MIB)
    if any(count not in (None, 1000) for count in opened):
        yield Row("streams that were open then", opened, 0)


def _print(row: Row, own: int, others: Sequence[int]) -> None:
    cells = ["" if value is None else f"{value * row.scale:,.{row.digits}f}" for value in row.values]
    for other in others:
        mine, theirs = row.values[own], row.values[other]
        cells.append(f"{mine / theirs:.2f}" if mine is not None and theirs else "")
    print(f"  {row.name:<32}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells))


def _about(results: Sequence[Result]) -> Iterator[str]:
    for result in results:
        yield f"{result.peer.name:<9}{result.peer.version}: {result.peer.settings}"
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    memory = psutil.virtual_memory().total / _MIB / 1024
    yield f"load     wrk {wrk_version()}, one thread; streams by asyncio, each on a connection of its own"
    yield (
        f"machine  {_processor()}, {os.cpu_count()} processors, {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}; load average {load}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if sys.platform == "linux" and info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
