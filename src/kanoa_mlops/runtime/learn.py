"""From a plan and what its engine said at start to a run worth remembering."""

from __future__ import annotations

import datetime
import logging
from pathlib import Path

from kanoa_mlops.catalog.types import LearnedRun
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.runtime.measured import remember
from kanoa_mlops.runtime.words import parse

log = logging.getLogger(__name__)


def learn(plan: Plan, words: str, folder: Path) -> None:
    """Keep what llama.cpp said of its memory. Serving goes on whatever comes of it.

    Args:
        words: the engine's log from its start until it was ready.
    """
    run = learned_run(plan, words)
    if run is None:
        log.info("the engine of %s did not say how much memory it holds", plan.model)
        return
    try:
        remember(run, folder)
    except OSError as error:
        log.warning("what %s takes could not be kept in %s: %s", plan.model, folder, error.strerror)


def learned_run(plan: Plan, words: str) -> LearnedRun | None:
    """None where the engine did not say what it holds."""
    said = parse(words)
    if not said.model or not said.compute:
        return None
    return LearnedRun(
        model=plan.model,
        weights=plan.weights,
        engine=plan.engine,
        engine_version=plan.engine_version,
        machine=plan.machine_key,
        date=datetime.date.today(),
        context=plan.context,
        sequences=plan.sequences,
        cache_type=plan.cache_type,
        batch=plan.batch,
        resident_layers=plan.resident_layers,
        weights_bytes=said.model + said.repacked,
        cache_bytes=said.cache + said.sliding_cache,
        # A plan counts the rows of logits with the graph they come from.
        compute_bytes=said.compute + said.output,
        projector_bytes=said.projector or None,
    )
