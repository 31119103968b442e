"""The measuring of `bench`: every kind of prompt at every number in flight, with a bar."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kanoa_mlops.bench.level import Level, Prompt, level
from kanoa_mlops.bench.load import Target, load
from kanoa_mlops.bench.prompts import prompts
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.units import format_duration


@dataclass(frozen=True)
class Load:
    """What is asked of a target."""

    kinds: tuple[Prompt, ...]
    parallel: tuple[int, ...]
    requests: int
    """At each level; never fewer than are in flight."""
    seconds: float = math.inf
    """At each level: after them no more requests begin than have to."""

    def count(self, parallel: int) -> int:
        return max(self.requests, parallel)

    @property
    def total(self) -> int:
        return len(self.kinds) * sum(self.count(parallel) for parallel in self.parallel)


def measure(screen: Screen, target: Target, asked: Load) -> tuple[Level, ...]:
    """A level a row. A kind of prompt of which nothing is answered is not asked with more in flight."""
    bar = Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=screen.err,
        disable=not screen.err.is_terminal,
    )
    levels: list[Level] = []
    fewer = "" if asked.seconds == math.inf else "; fewer where they take long"
    screen.say(f"{asked.total} requests in all, answered with {target.max_tokens} tokens each{fewer}.")
    with bar:
        task = bar.add_task("warming up", total=asked.total)
        for kind in asked.kinds:
            # The first request of a kind pays for what later ones find ready.
            asyncio.run(load(replace(target, max_tokens=1), prompts(kind, 1), parallel=1))
            for parallel in asked.parallel:
                bar.update(task, description=f"{kind}, {parallel} in flight")
                messages = prompts(kind, asked.count(parallel))
                asking = load(target, messages, parallel, lambda: bar.advance(task), seconds=asked.seconds)
                samples = asyncio.run(asking)
                bar.advance(task, len(messages) - len(samples))
                levels.append(level(parallel, kind, samples))
                if not screen.err.is_terminal:
                    took = format_duration(levels[-1].seconds)
                    screen.say(f"{kind}, {parallel} in flight: {len(samples)} done in {took}.")
                if levels[-1].errors == len(samples):
                    break
    return tuple(levels)


def first_failure(levels: Sequence[Level]) -> str:
    """Why nothing was answered; '' where anything was."""
    if any(each.first_token for each in levels):
        return ""
    return next((why for each in levels for why in each.failures), "nothing was asked")
