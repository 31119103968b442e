"""Ollama. Its OpenAI route cannot set the context, so a model of its own carries the numbers."""

from __future__ import annotations

from kanoa_mlops.planner.plan import Plan


def ollama_parameters(plan: Plan) -> dict[str, int]:
    """For the Modelfile of the derived model."""
    parameters = {"num_ctx": plan.context}
    if plan.resident_layers is not None:
        parameters["num_gpu"] = plan.resident_layers
    return parameters


def ollama_environment(plan: Plan) -> dict[str, str]:
    """For the daemon. What cannot be set for one model alone."""
    environment = {"OLLAMA_NUM_PARALLEL": str(plan.sequences), "OLLAMA_FLASH_ATTENTION": "1"}
    if plan.cache_type != "f16":
        environment["OLLAMA_KV_CACHE_TYPE"] = plan.cache_type
    return environment
