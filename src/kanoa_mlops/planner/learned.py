"""What engines said of themselves on this machine, put in the place of what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kanoa_mlops.catalog.types import LearnedRun
from kanoa_mlops.planner.budget import CACHE, Budget, MemoryLine
from kanoa_mlops.planner.candidate import Candidate
from kanoa_mlops.planner.estimate import Estimate
from kanoa_mlops.planner.setup import Setup

_SAME_SPEED = 0.15
"""A measured rate is given with this much to either side: machines are not always as idle."""


@dataclass(frozen=True)
class Comparison:
    """One part of the budget, predicted beside measured. Bytes."""

    part: str
    predicted: float
    measured: float


def matching(setup: Setup, machine: str, runs: Sequence[LearnedRun]) -> LearnedRun | None:
    """The newest run of exactly this case on this machine."""
    same = [run for run in runs if _case(run) == _asked(setup, machine)]
    return max(same, key=lambda run: run.date, default=None)


def with_learned(candidate: Candidate, run: LearnedRun) -> Candidate:
    """The candidate with the engine's own numbers, which are as sure as anything can be."""
    lines = tuple(_measured(line, run) for line in candidate.budget.lines)
    budget = Budget(lines, candidate.budget.pools)
    verdict = candidate.verdict if candidate.setup.offloads else budget.verdict
    return replace(candidate, budget=budget, verdict=verdict, measured_decode=_decode(run))


def comparisons(candidate: Candidate, run: LearnedRun) -> tuple[Comparison, ...]:
    """Of a candidate as predicted, before anything was put in its place."""
    return tuple(
        Comparison(line.name, line.size.expected, size)
        for line in candidate.budget.lines
        if (size := _size(line, run)) is not None
    )


def _measured(line: MemoryLine, run: LearnedRun) -> MemoryLine:
    size = _size(line, run)
    if size is None:
        return line
    return replace(line, size=Estimate.exact(size), source=f"measured here, {run.date}")


def _size(line: MemoryLine, run: LearnedRun) -> float | None:
    return {
        "weights": run.weights_bytes,
        CACHE: run.cache_bytes,
        "compute buffer": run.compute_bytes,
        "vision projector": run.projector_bytes,
    }.get(line.name)


def _decode(run: LearnedRun) -> Estimate | None:
    return None if run.decode is None else Estimate.around(run.decode, _SAME_SPEED)


def _case(run: LearnedRun) -> tuple[object, ...]:
    return (
        run.model,
        run.weights,
        run.engine,
        run.machine,
        run.context,
        run.sequences,
        run.cache_type,
        run.batch,
        run.resident_layers,
    )


def _asked(setup: Setup, machine: str) -> tuple[object, ...]:
    return (
        setup.model.id,
        setup.weights.name,
        setup.engine.id,
        machine,
        setup.context,
        setup.sequences,
        setup.cache_type,
        setup.batch,
        setup.resident_layers,
    )
