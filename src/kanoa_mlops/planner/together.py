"""Models side by side: whether they can be held at the same time, and what some leave for another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from kanoa_mlops.catalog.types import Accelerator, Machine
from kanoa_mlops.planner.budget import CACHE, Pool, Where
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


def left_by(machine: Machine, plans: Iterable[Plan]) -> Machine:
    """What these leave free of a machine for another. Each card gives as much: a model may be on any."""
    taken: dict[Memory, float] = defaultdict(float)
    for plan in plans:
        for pool in plan.budget.pools:
            taken[_memory(plan, pool.where)] += _taken(plan, pool)
    on_cards = taken["card"] + (taken["machine"] if machine.unified else 0)
    cards = tuple(_with_free(card, card.memory_available - on_cards) for card in machine.accelerators)
    free = max(0, round(machine.memory_available - taken["machine"]))
    return machine.model_copy(update={"memory_available": free, "accelerators": cards})


def part_of(machine: Machine, share: float) -> Machine:
    """The machine as one of several models may see it, who divide what is free."""
    cards = tuple(_with_free(card, card.memory_available * share) for card in machine.accelerators)
    free = round(machine.memory_available * share)
    return machine.model_copy(update={"memory_available": free, "accelerators": cards})


def least_bytes(plan: Plan) -> float:
    """What a model takes before it has room for a single token."""
    cards = {"device": plan.gpus, "host": 1}
    fixed = (line for line in plan.budget.lines if not line.name.startswith(CACHE))
    return sum(line.size.expected * cards[line.where] for line in fixed)


def _with_free(card: Accelerator, free: float) -> Accelerator:
    return card.model_copy(update={"memory_available": max(0, round(free))})


def _memory(plan: Plan, where: Where) -> Memory:
    return "card" if plan.place == "gpu" and where == "device" else "machine"


def _taken(plan: Plan, pool: Pool) -> float:
    if plan.engine == "vllm" and plan.place != "cpu":
        # All of its share, whatever the model needs: the rest becomes cache.
        return pool.capacity
    return plan.budget.need(pool.where).expected
