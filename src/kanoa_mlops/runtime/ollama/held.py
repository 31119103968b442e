"""What the daemon holds, beside what the plan asked for."""

from __future__ import annotations

from collections.abc import Iterable

from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.runtime.ollama.answers import Running, same_name
from kanoa_mlops.runtime.ollama.derive import Origin
from kanoa_mlops.units import format_bytes

_SLACK = 0.03
"""Of the model. One that is wholly on the card is listed so to the byte; a planned division is not exact."""


def find_held(running: Iterable[Running], name: str, origin: Origin, context: int) -> Running | None:
    """Ours among the models in memory.

    Ollama holds the same weights with the same options but once, and lists them by who came first.
    """
    models = tuple(running)
    for each in models:
        if same_name(each.name, name):
            return each
    if not isinstance(origin, str):
        return None
    twins = (each for each in models if same_name(each.name, origin))
    return next((each for each in twins if each.context_length == context), None)


def shortfalls(plan: Plan, held: Running) -> tuple[str, ...]:
    """How it is worse than planned, in words with figures; empty where it is as planned."""
    return tuple(filter(None, (_context(plan, held), _processor(plan, held))))


def _context(plan: Plan, held: Running) -> str:
    tokens = held.context_length
    # Versions differ in whether they count all requests together.
    if not tokens or tokens >= plan.context:
        return ""
    return f"Ollama holds a context of {tokens} tokens, not the {plan.context} that were asked for"


def _processor(plan: Plan, held: Running) -> str:
    if plan.place == "cpu" or not held.size:
        return ""
    aside = held.size - held.size_vram
    planned = _planned_aside(plan)
    if aside <= held.size * (planned + _SLACK):
        return ""
    whole = format_bytes(held.size)
    foreseen = f"planned were {format_bytes(held.size * planned)}" if planned else "planned was none"
    if not held.size_vram:
        return (
            f"Ollama computes on the processor alone: none of its {whole} is on the graphics processor "
            f"({foreseen}); its log says why, most often a driver, or memory that another program holds"
        )
    return (
        f"Ollama left {format_bytes(aside)} of {whole} to the processor ({foreseen}), which is slow: "
        "the graphics processor had no more memory free"
    )


def _planned_aside(plan: Plan) -> float:
    """Share of the model that the plan itself leaves to the processor."""
    if plan.resident_layers is None and not plan.host_experts:
        return 0.0
    device = plan.budget.need("device").expected * plan.gpus
    host = plan.budget.need("host").expected
    return host / (device + host)
