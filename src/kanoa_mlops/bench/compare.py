"""A run beside the plan and beside the last one like it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.bench.level import Level
from kanoa_mlops.bench.run import Run
from kanoa_mlops.planner.estimate import Estimate

What = Literal["tokens/s", "first token", "memory"]
_BELOW_AND_ABOVE: dict[What, tuple[str, str]] = {
    "tokens/s": ("slower", "faster"),
    "first token": ("sooner", "later"),
    "memory": ("less", "more"),
}
_MUCH_BUSIER = 0.1
"""A share of all processors."""


@dataclass(frozen=True)
class Beside:
    """One number of the plan beside what was measured: tokens a second, seconds or bytes."""

    what: What
    predicted: Estimate
    measured: float

    @property
    def verdict(self) -> str:
        """'as planned' within the plan's bounds; else 'slower', 'more' and so on."""
        below, above = _BELOW_AND_ABOVE[self.what]
        if self.measured < self.predicted.low:
            return below
        return above if self.measured > self.predicted.high else "as planned"


def beside_plan(run: Run) -> Iterator[Beside]:
    """Speeds of one request alone, where that was measured; and memory."""
    if run.predicted is None:
        return
    alone = run.at(1, run.predicted.prompt)
    if alone and alone.tokens_per_second:
        yield Beside("tokens/s", run.predicted.decode, alone.tokens_per_second.median)
    if alone and alone.first_token:
        yield Beside("first token", run.predicted.first_token, alone.first_token.median)
    if run.memory.used:
        yield Beside("memory", run.predicted.memory, run.memory.used)


def last_alike(run: Run, former: Sequence[Run]) -> Run | None:
    """The newest of the same model, weights and engine on the same machine, with answers as long."""
    alike = [each for each in former if _kind(each) == _kind(run) and each.date < run.date]
    return max(alike, key=lambda each: each.date, default=None)


def ratio(now: Level, then: Run | None) -> float | None:
    """Tokens a second of all together, by what they were; None where there is nothing to compare."""
    before = then.at(now.parallel, now.prompt) if then else None
    if before is None or not before.total_tokens_per_second or not now.total_tokens_per_second:
        return None
    return now.total_tokens_per_second / before.total_tokens_per_second


def differences(now: Run, then: Run) -> Iterator[str]:
    """What may explain another speed: 'context 4096 → 8192'."""
    for name, before, after in (
        ("engine", then.subject.engine_version, now.subject.engine_version),
        ("kanoa-mlops", then.program, now.program),
        ("context", then.subject.context, now.subject.context),
        ("served at once", then.subject.sequences, now.subject.sequences),
    ):
        if before != after:
            yield f"{name} {before} → {after}"
    taken, earlier = now.others, then.others
    if taken is not None and earlier is not None and abs(taken - earlier) > _MUCH_BUSIER:
        yield f"taken by other programs {earlier:.0%} → {taken:.0%}"


def _kind(run: Run) -> tuple[str | int, ...]:
    subject = run.subject
    return (subject.model, subject.weights, subject.engine, subject.machine, run.answer_tokens)
