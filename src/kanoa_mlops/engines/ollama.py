"""Ollama. Its OpenAI route cannot set the context, so a model of its own carries the numbers."""

from __future__ import annotations

import re

from kanoa_mlops.planner.cache import MICRO_BATCH
from kanoa_mlops.planner.plan import Plan

NAMESPACE = "kanoa-mlops"
"""Of the models we derive, so that they are told from the person's own."""
_LONGEST_PART = 80
"""Of a name, as Ollama takes it."""


def ollama_parameters(plan: Plan) -> dict[str, int | float]:
    """For the derived model. What the tag says besides is inherited."""
    parameters: dict[str, int | float] = {"num_ctx": plan.context}
    if plan.place == "cpu":
        # A card that is there would be used, though the plan counts on the processor.
        parameters["num_gpu"] = 0
    elif plan.resident_layers is not None:
        parameters["num_gpu"] = plan.resident_layers
    if plan.batch != MICRO_BATCH:
        parameters["num_batch"] = plan.batch
    if plan.repeat_penalty is not None:
        parameters["repeat_penalty"] = plan.repeat_penalty
    return parameters


def ollama_environment(plan: Plan) -> dict[str, str]:
    """For a daemon of our own: what cannot be set for one model alone. Nothing is inherited."""
    return {
        "OLLAMA_NUM_PARALLEL": str(plan.sequences),
        # Keys and values in 8 bits want it, and the plan counts no attention scores.
        "OLLAMA_FLASH_ATTENTION": "1",
        "OLLAMA_KV_CACHE_TYPE": plan.cache_type,
        # Left alone a model is unloaded after five idle minutes.
        "OLLAMA_KEEP_ALIVE": "-1",
        # A name that ends in -cloud would be answered elsewhere.
        "OLLAMA_NO_CLOUD": "1",
    }


def derived_name(plan: Plan) -> str:
    """'kanoa-mlops/gemma-3-12b-it:8192x2-ollama': the same for the same plan, another for another."""
    layers = "" if plan.resident_layers is None else f"-{plan.resident_layers}gpu"
    place = "-cpu" if plan.place == "cpu" else layers
    return f"{derived_family(plan.model)}:{_part(f'{plan.context}x{plan.sequences}-{plan.weights}{place}')}"


def derived_family(model: str) -> str:
    """What the names of all models derived for this one begin with, up to the colon."""
    return f"{NAMESPACE}/{_part(model)}"


def _part(text: str) -> str:
    """In the letters Ollama allows in a name."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[-_LONGEST_PART:].lstrip("-._")
