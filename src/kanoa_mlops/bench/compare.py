"""A run beside the plan and beside the last one like it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kanoa_mlops.bench.level import Level
from kanoa_mlops.bench.run import Run
from kanoa_mlops.planner.estimate import Estimate


@dataclass(frozen=True)
class Beside:
    """One number of the plan beside what was measured."""

    what: Literal["tokens/s", "first token"]
    predicted: Estimate
    measured: float

    @property
    def within(self) -> bool:
        return self.predicted.low <= self.measured <= self.predicted.high


def beside_plan(run: Run) -> Iterator[Beside]:
    """Of one request alone, where that was measured."""
    if run.predicted is None:
        return
    alone = run.at(1, run.predicted.prompt)
    if alone and alone.tokens_per_second:
        yield Beside("tokens/s", run.predicted.decode, alone.tokens_per_second.median)
    if alone and alone.first_token:
        yield Beside("first token", run.predicted.first_token, alone.first_token.median)


def last_alike(run: Run, former: Sequence[Run]) -> Run | None:
    """The newest of the same model, weights and engine on the same machine."""
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
        ("longest answer", then.answer_tokens, now.answer_tokens),
    ):
        if before != after:
            yield f"{name} {before} → {after}"


def _kind(run: Run) -> tuple[str, ...]:
    subject = run.subject
    return (subject.model, subject.weights, subject.engine, subject.machine)
