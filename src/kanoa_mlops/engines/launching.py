"""From a plan to what to execute, whichever engine it names and however that one is run."""

from __future__ import annotations

from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.llamacpp import llama_launch
from kanoa_mlops.engines.ollama_daemon import ollama_launch
from kanoa_mlops.engines.site import Site, WeightFiles
from kanoa_mlops.engines.vllm import vllm_launch
from kanoa_mlops.engines.way import Contained, Daemon, Embedded, Native, Way
from kanoa_mlops.planner.plan import Plan


def launch_of(
    plan: Plan, model: Model, weights: Weights, files: WeightFiles, site: Site, way: Way
) -> Launch | None:
    """None where the engine runs already, as an Ollama of the person's own does."""
    match plan.engine, way:
        case _, Daemon():
            return None
        case "llama.cpp", Embedded() | Native() | Contained():
            return llama_launch(plan, files, site, way)
        case "vllm", Native() | Contained():
            return vllm_launch(plan, model, weights, files, site, way)
        case "ollama", Native() | Contained():
            return ollama_launch(plan, site, way)
    raise AssertionError(f"{plan.engine} cannot be run {way}")
