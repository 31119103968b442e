"""What an engine is told for a plan, whichever engine it is."""

from __future__ import annotations

from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.engines.llamacpp import llama_flags
from kanoa_mlops.engines.ollama import ollama_environment, ollama_parameters
from kanoa_mlops.engines.vllm import vllm_flags
from kanoa_mlops.planner.plan import Plan


def engine_flags(plan: Plan, model: Model, weights: Weights) -> tuple[str, ...]:
    """In the engine's own words; for Ollama, its environment and the derived model's parameters."""
    match plan.engine:
        case "vllm":
            return vllm_flags(plan, model, weights)
        case "llama.cpp":
            return llama_flags(plan)
        case "ollama":
            environment = [f"{name}={value}" for name, value in ollama_environment(plan).items()]
            parameters = [f"PARAMETER {name} {value}" for name, value in ollama_parameters(plan).items()]
            return (*environment, *parameters)
