"""The gateway beside LiteLLM and Traefik alone: the same requests to the same engine, in one run.

nginx plays the engine: it answers everybody the same. wrk asks with 1 and with 16 connections, with images of
2 MB too, and then 200 streams run at once. Rounds alternate between the peers, so that whatever else the
machine does falls on all, and medians over the rounds are given. What other load changes least is the
processor's time for a request.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.gateway import contestants
from bench.gateway.peer import Peer, Running, running
from bench.gateway.peers_report import report
from bench.gateway.results import Figures, Result, Scenario
from bench.gateway.static_upstream import require_nginx, static_upstream
from bench.gateway.streams import open_streams, run_streams
from bench.gateway.wrk import Load, require_wrk, run_wrk

_OPEN_STREAMS = 1000
_OPEN_PATIENCE_SECONDS = 120.0
_STARTS = 2
_AT_REST_SECONDS = 1.0
_DESCRIPTORS = 8192

SCENARIOS = (
    Scenario("1 connection", "chat", 1),
    Scenario("16 connections", "chat", 16),
    Scenario("2 MB images, 1 connection", "image", 1),
    Scenario("2 MB images, 16 connections", "image", 16),
    Scenario("200 streams of 100 events", "stream", 200),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="for each peer and load")
    parser.add_argument("--seconds", type=int, default=4, help="of each round")
    parser.add_argument("--without", choices=["litellm", "traefik"], nargs="+", default=[])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    require_nginx()
    require_wrk()
    _allow_connections()
    # Who is asked to end ends what it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="kanoa-peers-") as folder:
        results, booked = compare(Path(folder), options.rounds, options.seconds, options.without)
    if options.json:
        print(json.dumps([result.as_json() for result in results], indent=1))
    else:
        report(results, options.rounds, options.seconds, booked)


def compare(folder: Path, rounds: int, seconds: int, without: Sequence[str]) -> tuple[list[Result], int]:
    """The result of each peer, the engine itself first; and how many requests the gateway's ledger holds."""
    with contextlib.ExitStack() as stack:
        port, process = stack.enter_context(static_upstream(folder / "nginx"))
        engine = Running(contestants.direct(port), process, 0.0)
        peers = [make(port, folder) for name, make in _PEERS.items() if name not in without]
        ready = {peer.name: _ready_seconds(peer, folder, min(rounds, _STARTS)) for peer in peers}
        started = [stack.enter_context(running(peer, folder)) for peer in peers]
        time.sleep(_AT_REST_SECONDS)
        rest = {each.peer.name: each.memory_bytes() for each in started}
        figures = measure([engine, *started], rounds, seconds, folder)
        results = [Result(engine.peer, figures["direct"])]
        for each in started:
            name = each.peer.name
            memory, opened = asyncio.run(_memory_at_streams(each))
            result = Result(each.peer, figures[name], ready[name], rest[name], memory, opened)
            results.append(result)
    return results, contestants.booked(folder)


_PEERS: dict[str, Callable[[int, Path], Peer]] = {
    "gateway": contestants.gateway,
    "traefik": contestants.traefik,
    "litellm": contestants.litellm,
}


@dataclass
class _Rounds:
    loads: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Seconds of processor for 1,000 requests."""

    def figures(self) -> Figures:
        return Figures(
            per_second=statistics.median(load.requests / load.seconds for load in self.loads),
            p50=statistics.median(load.p50 for load in self.loads),
            p99=statistics.median(load.p99 for load in self.loads),
            cpu_per_1000=statistics.median(self.cpu),
            wrong=sum(load.wrong for load in self.loads),
        )


def measure(
    peers: Sequence[Running], rounds: int, seconds: int, folder: Path
) -> dict[str, dict[Scenario, Figures]]:
    """Name -> load -> medians."""
    found: dict[tuple[str, Scenario], _Rounds] = defaultdict(_Rounds)
    for number in range(rounds + 1):
        for scenario in SCENARIOS:
            # Who goes first changes each time, so that neither always follows the other.
            for each in peers if number % 2 else reversed(peers):
                _note(f"round {number} of {rounds}, {scenario.name}: {each.peer.name}")
                # The first of each warms caches.
                seconds_now = seconds if number else 1
                before = each.cpu_seconds()
                load = _run(each.peer, scenario, seconds_now, folder)
                if number and load.requests:
                    rounds_of = found[each.peer.name, scenario]
                    rounds_of.loads.append(load)
                    rounds_of.cpu.append((each.cpu_seconds() - before) / load.requests * 1000)
    return {
        each.peer.name: {
            scenario: found[each.peer.name, scenario].figures()
            for scenario in SCENARIOS
            if found[each.peer.name, scenario].loads
        }
        for each in peers
    }


def _run(peer: Peer, scenario: Scenario, seconds: int, folder: Path) -> Load:
    if scenario.kind == "stream":
        return asyncio.run(run_streams(peer, scenario.parallel, seconds))
    return run_wrk(peer, scenario.kind, scenario.parallel, seconds, folder)


def _ready_seconds(peer: Peer, folder: Path, times: int) -> float:
    """Median of some starts."""
    took = []
    for number in range(times):
        _note(f"start {number + 1} of {times}: {peer.name}")
        with running(peer, folder) as started:
            took.append(started.ready_seconds)
    return statistics.median(took)


async def _memory_at_streams(each: Running) -> tuple[int, int]:
    """Bytes, and how many streams were open then."""
    _note(f"{_OPEN_STREAMS} open streams: {each.peer.name}")
    async with open_streams(each.peer, _OPEN_STREAMS, _OPEN_PATIENCE_SECONDS) as opened:
        return each.memory_bytes(), opened.count


def _allow_connections() -> None:
    """1,000 streams have a connection at each end of each process, and those we start inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _DESCRIPTORS:
        if hard not in (resource.RLIM_INFINITY,) and hard < _DESCRIPTORS:
            sys.exit(f"{_DESCRIPTORS} open files are needed and {hard} allowed: ulimit -n {_DESCRIPTORS}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, hard))


def _note(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
