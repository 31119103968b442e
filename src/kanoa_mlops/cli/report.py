"""A plan as a document for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from kanoa_mlops.catalog.query import find_weights
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.engines.flags import engine_flags
from kanoa_mlops.planner.plan import Plan


def plan_document(plan: Plan, model: Model) -> dict[str, Any]:
    """Every field of the plan; sizes in bytes, speeds in tokens a second, times in seconds."""
    document = asdict(plan)
    document["fits"] = plan.fits
    document["memory_bytes"] = plan.memory_bytes
    for pool in document["budget"]["pools"]:
        pool["need"] = asdict(plan.budget.need(pool["where"]))
    document["flags"] = list(engine_flags(plan, model, find_weights(model, plan.weights)))
    return document
