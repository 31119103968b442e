"""Models side by side: whether they can be held at the same time, and what some leave for another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Literal

from kanoa_mlops.catalog.types import Machine
from kanoa_mlops.planner.budget import CACHE, Pool, Where
from kanoa_mlops.planner.plan import Plan

Memory = Literal["card", "machine"]
"""Which chips a pool is made of, whoever computes on it."""


def fits_together(plans: Iterable[Plan]) -> bool:
    """By what is expected of each. One alone fits where its plan does, and none always."""
    models = tuple(plans)
    if len(models) <= 1:
        return all(plan.fits for plan in models)
    taken = _all_taken(models)
    room: dict[Memory, int] = defaultdict(int)
    for plan in models:
        for pool in plan.budget.pools:
            # What a pool leaves free is left free once, not for each of them.
            memory = _memory(plan, pool.where)
            room[memory] = max(room[memory], pool.capacity)
    return all(taken[memory] <= room[memory] for memory in taken)


def within(machine: Machine, memory: int | None) -> Machine:
    """The machine as if no more bytes than this were free of each of its memories; None for what is free."""
    return machine if memory is None else _with_free(machine, lambda _, free: min(free, memory))


def left_by(machine: Machine, plans: Iterable[Plan]) -> Machine:
    """What these leave free of a machine for another. Each card gives as much: a model may be on any."""
    taken = _all_taken(plans)
    if machine.unified:
        taken["card"] += taken["machine"]
    return _with_free(machine, lambda memory, free: free - taken[memory])


def part_of(machine: Machine, share: float) -> Machine:
    """The machine as one of several models may see it, who divide what is free."""
    return _with_free(machine, lambda _, free: free * share)


def least_bytes(plan: Plan) -> float:
    """What a model takes before it has room for a single token."""
    cards = {"device": plan.gpus, "host": 1}
    fixed = (line for line in plan.budget.lines if not line.name.startswith(CACHE))
    return sum(line.size.expected * cards[line.where] for line in fixed)


def _with_free(machine: Machine, free: Callable[[Memory, int], float]) -> Machine:
    """With other bytes free than are free now, of each of its memories."""

    def bytes_of(memory: Memory, now: int) -> int:
        return max(0, round(free(memory, now)))

    cards = tuple(
        card.model_copy(update={"memory_available": bytes_of("card", card.memory_available)})
        for card in machine.accelerators
    )
    available = bytes_of("machine", machine.memory_available)
    return machine.model_copy(update={"memory_available": available, "accelerators": cards})


def _all_taken(plans: Iterable[Plan]) -> defaultdict[Memory, float]:
    taken: defaultdict[Memory, float] = defaultdict(float)
    for plan in plans:
        for pool in plan.budget.pools:
            taken[_memory(plan, pool.where)] += _taken(plan, pool)
    return taken


def _memory(plan: Plan, where: Where) -> Memory:
    return "card" if plan.place == "gpu" and where == "device" else "machine"


def _taken(plan: Plan, pool: Pool) -> float:
    if plan.engine == "vllm" and plan.place != "cpu":
        # All of its share, whatever the model needs: the rest becomes cache.
        return pool.capacity
    return plan.budget.need(pool.where).expected
