"""Why a plan is as it is, in words."""

from __future__ import annotations

from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.candidate import ROOMY_CONTEXT, Candidate
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.units import format_bytes


def reasons(candidate: Candidate, wish: Wish) -> tuple[str, ...]:
    setup = candidate.setup
    lines = [
        f"{setup.engine.title}: {_why_engine(candidate, wish)}",
        f"{setup.quantization.title} weights: {_why_weights(candidate, wish)}",
        f"{setup.context} tokens of context: {_why_context(candidate, wish)}",
        f"{requests(setup.sequences)}: {_why_sequences(candidate, wish)}",
    ]
    if setup.place == "cpu":
        lines.append(f"{candidate.machine.cores} threads: one for each physical core this process may use")
    if setup.gpus > 1:
        lines.append(f"{setup.gpus} cards: one alone is too small")
    if setup.host_experts:
        lines.append(
            f"the experts of {setup.host_experts} of {setup.model.architecture.layers} layers stay in the "
            "machine's memory: few of them are used for each token"
        )
    if setup.resident_layers is not None:
        lines.append(
            f"{setup.resident_layers} of {setup.model.architecture.layers} layers on the card: "
            "the rest stays in the machine's slower memory"
        )
    return tuple(lines)


def warnings(candidate: Candidate) -> tuple[str, ...]:
    setup = candidate.setup
    lines = []
    if setup.support.until:
        lines.append(f"Needs {setup.engine.title} {setup.support.until}, the last version that serves it.")
    if setup.support.quirk:
        lines.append(setup.support.quirk)
    if setup.support.remote_code:
        lines.append("Runs code from the model's repository; you are asked before it does.")
    if candidate.verdict is Verdict.TIGHT:
        lines.append(_why_tight(candidate))
    if candidate.verdict is Verdict.OFFLOAD:
        lines.append("Slow: part of the model is read from the machine's memory for every token.")
    longest = setup.model.architecture.context
    if setup.context < longest:
        lines.append(
            f"The engine's own default would be {longest} tokens; "
            f"this plan sets {setup.context}, and longer requests are refused."
        )
    return tuple(lines)


def requests(count: int) -> str:
    return "1 request at once" if count == 1 else f"{count} requests at once"


def _why_engine(candidate: Candidate, wish: Wish) -> str:
    if wish.engine:
        return "as asked"
    return {
        "cpu": "runs on the processor alone",
        "unified": "runs in the memory that processor and graphics share",
        "gpu": "the fastest here that fits",
    }[candidate.setup.place]


def _why_weights(candidate: Candidate, wish: Wish) -> str:
    if wish.weights:
        return "as asked"
    setup = candidate.setup
    others = [each for each in setup.model.weights if each.format == setup.weights.format]
    if len(others) == 1:
        return "the only ones there are"
    if candidate.verdict is Verdict.NO:
        return "the nearest to fitting"
    return "the best that fit with room and are quick enough to read along with"


def _why_context(candidate: Candidate, wish: Wish) -> str:
    setup = candidate.setup
    if wish.context is not None:
        return "as asked"
    if candidate.verdict is Verdict.NO:
        return "the least that is of use"
    if setup.context == setup.model.architecture.context:
        return "all that the model was trained for"
    if setup.model.kind != "chat":
        return "more than a piece of a document has"
    return "enough for figures with tables" if setup.context >= ROOMY_CONTEXT else "what memory allows"


def _why_sequences(candidate: Candidate, wish: Wish) -> str:
    if wish.sequences is not None:
        return "as asked"
    if candidate.verdict is Verdict.NO:
        return "the least there can be"
    if candidate.setup.engine.id == "vllm":
        return f"the cache holds {candidate.concurrency:.1f} of full length, others wait"
    return "a batch costs little more than one" if candidate.setup.sequences >= 4 else "what memory allows"


def _why_tight(candidate: Candidate) -> str:
    for pool in candidate.budget.pools:
        need = candidate.budget.need(pool.where)
        if need.high > pool.capacity:
            return (
                f"Tight: {format_bytes(need.expected)} are expected and {format_bytes(pool.capacity)} can be "
                f"used, but it may take up to {format_bytes(need.high)}."
            )
    return f"The cache holds {candidate.concurrency:.1f} requests of full length at once; others wait."
