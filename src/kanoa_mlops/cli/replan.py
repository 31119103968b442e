"""The plan by which a running engine was started, made again for what it predicts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import get_args

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import EngineId, Machine, Model
from kanoa_mlops.cli.choice import choose
from kanoa_mlops.errors import UserError
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.state import EngineRecord, ServerRecord


def replan(
    server: ServerRecord, engine: EngineRecord, model: Model, machine: Machine, catalog: Catalog
) -> Plan | None:
    """None where it can no longer be made: the catalog, or what is installed, has changed since.

    Args:
        machine: with what is installed on it; what the server's engines hold is counted as free.
    """
    asked = dict(pairwise(server.command))
    wish = Wish(
        weights=engine.weights,
        context=engine.context,
        sequences=engine.sequences,
        images=int(asked["--images"]) if "--images" in asked else None,
        engine=next((known for known in get_args(EngineId) if known == engine.engine), None),
    )
    if "--cache-bits" in asked:
        wish = replace(wish, cache_bits=8 if asked["--cache-bits"] == "8" else 16)
    before = _with_free(machine, sum(each.planned_bytes for each in server.engines))
    try:
        # Without what was learned: a prediction that knows the outcome is none.
        return choose(model, before, wish, catalog, via=asked.get("--via")).plan
    except UserError:
        return None


def _with_free(machine: Machine, held: int) -> Machine:
    cards = tuple(
        card.model_copy(update={"memory_available": min(card.memory_total, card.memory_available + held)})
        for card in machine.accelerators
    )
    free = min(machine.memory_total, machine.memory_available + held)
    return machine.model_copy(update={"memory_available": free, "accelerators": cards})
