"""Whether models that were each planned for the whole machine can be held at the same time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from kanoa_mlops.planner.budget import Pool, Where
from kanoa_mlops.planner.plan import Plan

Memory = Literal["card", "machine"]
"""Which chips a pool is made of, whoever computes on it."""


def fits_together(plans: Iterable[Plan]) -> bool:
    """By what is expected of each. One alone fits where its plan does, and none always."""
    models = tuple(plans)
    if len(models) <= 1:
        return all(plan.fits for plan in models)
    taken: dict[Memory, float] = defaultdict(float)
    room: dict[Memory, int] = defaultdict(int)
    for plan in models:
        for pool in plan.budget.pools:
            memory = _memory(plan, pool.where)
            taken[memory] += _taken(plan, pool)
            # What a pool leaves free is left free once, not for each of them.
            room[memory] = max(room[memory], pool.capacity)
    return all(taken[memory] <= room[memory] for memory in taken)


def _memory(plan: Plan, where: Where) -> Memory:
    return "card" if plan.place == "gpu" and where == "device" else "machine"


def _taken(plan: Plan, pool: Pool) -> float:
    if plan.engine == "vllm" and plan.place != "cpu":
        # All of its share, whatever the model needs: the rest becomes cache.
        return pool.capacity
    return plan.budget.need(pool.where).expected
