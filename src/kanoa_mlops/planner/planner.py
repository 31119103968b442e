"""Machine + Model + Wish -> Plan. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import LearnedRun, Machine, Model
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.candidate import Candidate, settle
from kanoa_mlops.planner.changes import changes
from kanoa_mlops.planner.learned import comparisons, matching, with_learned
from kanoa_mlops.planner.options import Option, Refusal, options
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.reasons import reasons, warnings
from kanoa_mlops.planner.wish import Wish, check

_READING_SPEED = 10.0
"""Tokens a second that a person reads along with; below it, a faster setup is worth its loss."""
_ORDER = (Verdict.FITS, Verdict.TIGHT, Verdict.OFFLOAD, Verdict.NO)


def plan(
    model: Model, machine: Machine, wish: Wish, catalog: Catalog, learned: Sequence[LearnedRun] = ()
) -> Plan:
    """The best way to serve this model here; its verdict says whether it fits.

    Best quality that fits with room and can be read along with, on the fastest engine.

    Args:
        learned: what engines said of themselves when they booted on this machine.

    Raises:
        UserError: the wish asks for what the model does not have.
        DoesNotFit: no engine can run any of the model's weights on such a machine.
    """
    check(wish, model)
    ways, refused = options(model, machine, wish, catalog)
    if not ways:
        raise DoesNotFit(
            f"No engine can run {model.id} here: {_because(refused)}.",
            hint=_instead(model, machine, wish, catalog),
        )
    settled = _settled(ways, model, machine, wish)
    predicted = settled[-1] if _good(settled[-1]) else min(settled, key=_rank)
    run = matching(predicted.setup, machine.key, learned)
    best = with_learned(predicted, run) if run else predicted
    made = _plan(best, wish, catalog, refused, settled)
    return replace(made, comparisons=comparisons(predicted, run)) if run else made


def _settled(ways: Sequence[Option], model: Model, machine: Machine, wish: Wish) -> list[Candidate]:
    """In order of preference, up to the first that needs no other."""
    found: list[Candidate] = []
    for option in ways:
        found.append(settle(option, model, machine, wish))
        if _good(found[-1]):
            break
    return found


def _good(candidate: Candidate) -> bool:
    return candidate.roomy and _readable(candidate)


def _rank(candidate: Candidate) -> tuple[int, float, bool, float]:
    """Lower is better. Among those that do not fit, what lacks least on the engine at home here."""
    order = _ORDER.index(candidate.verdict)
    if candidate.verdict is Verdict.NO:
        return (order, candidate.rank, False, candidate.budget.shortfall)
    readable = _readable(candidate)
    # min() keeps the first of equals, and options come in order of preference.
    return (order, not readable, not candidate.roomy, 0.0 if readable else -candidate.speed.decode.expected)


def _readable(candidate: Candidate) -> bool:
    return candidate.speed.decode.expected >= _READING_SPEED


def _plan(
    best: Candidate, wish: Wish, catalog: Catalog, refused: list[Refusal], settled: Sequence[Candidate]
) -> Plan:
    setup, model = best.setup, best.setup.model
    return Plan(
        model=model.id,
        title=model.title,
        aliases=model.aliases,
        machine=best.machine.title or best.machine.cpu,
        machine_key=best.machine.key,
        engine=setup.engine.id,
        engine_version=setup.support.until or setup.engine.version,
        weights=setup.weights.name,
        quantization=setup.quantization.title,
        place=setup.place,
        gpus=setup.gpus,
        context=setup.context,
        sequences=setup.sequences,
        images=setup.images,
        cache_type=setup.cache_type,
        batch=setup.batch,
        utilization=setup.utilization,
        eager=setup.eager,
        resident_layers=setup.resident_layers,
        host_experts=setup.host_experts,
        threads=best.machine.cores,
        mapped=not (setup.place == "cpu" and setup.quantization.repacked),
        sees=model.sees and (setup.weights.format != "gguf" or setup.weights.projects),
        repeat_penalty=model.sampling.repeat_penalty if model.sampling else None,
        remote_code=setup.support.remote_code,
        verdict=best.verdict,
        budget=best.budget,
        concurrency=best.concurrency,
        speed=best.speed,
        reasons=reasons(best, wish),
        warnings=warnings(best),
        changes=changes(best, wish, catalog, settled),
        refusals=tuple(refused),
        kind=model.kind,
        pooling=model.embedding.pooling if model.embedding else None,
    )


def _because(refused: Sequence[Refusal]) -> str:
    # Some are whole sentences of the catalog's.
    return "; ".join(f"{each.what}: {each.why.removesuffix('.')}" for each in refused)


def _instead(model: Model, machine: Machine, wish: Wish, catalog: Catalog) -> str:
    """What of the wish keeps the model from being run, where less of it would do."""
    if wish.engine:
        ways, _ = options(model, machine, replace(wish, engine=None), catalog)
        if ways:
            others = " or ".join(dict.fromkeys(f"--engine {way.engine.id}" for way in ways))
            return f"Say {others}, or leave --engine out."
    if wish.weights:
        ways, _ = options(model, machine, replace(wish, weights=None), catalog)
        if ways:
            others = " or ".join(dict.fromkeys(f"--weights {way.weights.name}" for way in ways))
            return f"Say {others}, or leave --weights out."
    return "`kanoa-mlops matrix` shows which models run on which machines."
