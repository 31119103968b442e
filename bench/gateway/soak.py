"""Minutes of mixed load on a real gateway whose engines are killed at random: what is lost, and what leaks.

Whole and streamed requests, images of 200 kB, clients that leave, a key over its limit; two pools, and a
hosted provider with a budget, all on loopback. Ends with 1 where a request was lost, the ledger differs from
the provider's own count, or memory, sockets, descriptors or tasks did not come back.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.gateway.soak_load import Outcomes, load
from bench.gateway.soak_scene import Scene, Usage, a_scene

_WARM = 0.2  # of the time, until memory is looked at first
_REST_SECONDS = 20.0  # for everything to be closed
_MEMORY_GROWTH, _MEMORY_GRAIN = 0.1, 32 * 1024**2
_MIB = 1024**2


@dataclass(frozen=True)
class Report:
    outcomes: Outcomes
    kills: int
    base: Usage
    """Before the load, with no engine running."""
    warm: Usage
    end: Usage
    """After it, likewise."""
    unbooked: dict[str, int]
    """Requests by key that were let in and are not in the ledger; below zero, are there twice."""
    provider_tokens: tuple[int, int]
    """Of prompts and answers, as the provider counted."""
    ledger_tokens: tuple[int, int]
    provider_micro: float
    ledger_micro: int
    budget_micro: int
    hosted: int
    """Answers of the provider."""

    @property
    def faults(self) -> list[str]:
        """In words; empty where all is well."""
        found = list(self.outcomes.lost)
        found += [f"{count} of {key} are not booked" for key, count in self.unbooked.items() if count]
        if self.provider_tokens != self.ledger_tokens:
            found.append(f"the provider counted {self.provider_tokens}, the ledger {self.ledger_tokens}")
        if not self.provider_micro <= self.ledger_micro <= self.provider_micro + self.hosted:
            found.append(f"the provider charged {self.provider_micro}, the ledger has {self.ledger_micro}")
        if self.ledger_micro > self.budget_micro:
            found.append(f"{self.ledger_micro} were spent of {self.budget_micro}")
        for what in ("sockets", "descriptors", "tasks"):
            before, after = getattr(self.base, what), getattr(self.end, what)
            if after > before:
                found.append(f"{after} {what}, {before} before")
        if self.end.rss_bytes > self.warm.rss_bytes * (1 + _MEMORY_GROWTH) + _MEMORY_GRAIN:
            found.append(f"{self.end.rss_bytes} bytes of memory, {self.warm.rss_bytes} when it was warm")
        return found


async def soak(seconds: float, seed: int, dollars: float, folder: Path) -> Report:
    """Load for so long, rest, and count."""
    dice, outcomes = random.Random(seed), Outcomes()
    async with a_scene(folder, dollars) as scene:
        base = await scene.usage()
        await scene.start_engines()
        harassing = asyncio.create_task(scene.harass(random.Random(dice.random())))
        loading = asyncio.create_task(load(scene.url, scene.keys, seconds, dice, outcomes))
        await asyncio.sleep(seconds * _WARM)
        warm = await scene.usage()
        await loading
        harassing.cancel()
        await asyncio.gather(harassing, return_exceptions=True)
        for engine in scene.engines:
            engine.kill()
        await scene.provider.__aexit__()
        end = await _at_rest(scene, base)
        return _report(scene, outcomes, base, warm, end, round(dollars * 1e6))


async def _at_rest(scene: Scene, base: Usage) -> Usage:
    """As it is when all has closed, or after some time."""
    until = time.monotonic() + _REST_SECONDS
    while True:
        await asyncio.sleep(0.5)
        now = await scene.usage()
        back = now.sockets <= base.sockets and now.descriptors <= base.descriptors and now.tasks <= base.tasks
        if back or time.monotonic() > until:
            return now


def _report(
    scene: Scene, outcomes: Outcomes, base: Usage, warm: Usage, end: Usage, budget_micro: int
) -> Report:
    hosted = scene.booked("prompt_tokens, completion_tokens, micro", "tier = 'hosted' AND estimated = 0")
    answered = scene.provider.answered
    return Report(
        outcomes,
        scene.kills,
        base,
        warm,
        end,
        _unbooked(scene, outcomes),
        (
            sum(each["prompt_tokens"] for each in answered),
            sum(each["completion_tokens"] for each in answered),
        ),
        (sum(each[0] for each in hosted), sum(each[1] for each in hosted)),
        scene.provider.micro,
        sum(micro for (micro,) in scene.booked("micro")),
        budget_micro,
        len(answered),
    )


def _unbooked(scene: Scene, outcomes: Outcomes) -> dict[str, int]:
    """Who leaves may be gone before the gateway knows of it, so they are not asked for."""
    booked = Counter(key for (key,) in scene.booked("key"))
    return {
        kind: counts.total() - counts["rate_limit_exceeded"] - booked[scene.keys[kind].split("-")[1]]
        for kind, counts in outcomes.counts.items()
        if kind != "leaver"
    }


def table(report: Report) -> str:
    lines = ["| client | requests | answered | told why not | left | lost |", "|---|--:|--:|---|--:|--:|"]
    for kind, counts in report.outcomes.counts.items():
        told = {each: n for each, n in counts.items() if each not in ("answered", "left", "hung")}
        lost = sum(n for each, n in counts.items() if each == "hung" or each.startswith("lost"))
        reasons = ", ".join(f"{n} {each}" for each, n in sorted(told.items()) if not each.startswith("lost"))
        cells = (kind, counts.total(), counts["answered"], reasons, counts["left"], lost)
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "| | base | warm | end |", "|---|--:|--:|--:|"]
    moments = (report.base, report.warm, report.end)
    lines.append("| RSS, MiB | " + " | ".join(f"{each.rss_bytes / _MIB:.1f}" for each in moments) + " |")
    for what in ("sockets", "descriptors", "tasks"):
        lines.append(f"| {what} | " + " | ".join(str(getattr(each, what)) for each in moments) + " |")
    lines += [
        "",
        f"Engines were killed {report.kills} times. The provider answered {report.hosted} requests: "
        f"{report.provider_tokens} tokens by its count, {report.ledger_tokens} by the ledger; "
        f"{report.provider_micro:.1f} and {report.ledger_micro} micro-dollars of {report.budget_micro}.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dollars", type=float, default=0.05, help="to be spent at the provider")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(soak(options.minutes * 60, options.seed, options.dollars, Path(folder)))
    print(table(report))
    for fault in report.faults:
        print(f"fault: {fault}")
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
