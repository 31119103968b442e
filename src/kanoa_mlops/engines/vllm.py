"""vLLM. The flags of its OpenAI server, each with the reason it is there."""

from __future__ import annotations

from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.planner.plan import Plan

_DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "bfloat16"}
"""A checkpoint in 32 bits is held in 16: it loses nothing that an answer shows, and halves the memory."""
_METHODS = {"bnb4": "bitsandbytes", "fp8": "fp8"}
"""Made while loading; other formats are told by the checkpoint itself."""


def vllm_flags(plan: Plan, model: Model, weights: Weights) -> tuple[str, ...]:
    """What a plan decides, in vLLM's words; without files and addresses."""
    return (
        *("--served-model-name", plan.model),
        *_precision(model, weights),
        # Left alone it is the model's longest, and one request of that length must fit the cache.
        *("--max-model-len", str(plan.context)),
        # Each sequence costs a row of logits while vLLM measures itself, and 256 do not fit everywhere.
        *("--max-num-seqs", str(plan.sequences)),
        *("--max-num-batched-tokens", str(plan.batch)),
        *_device(plan),
        # Set aside for the largest images that a request may bring; none where the model cannot see.
        *(("--limit-mm-per-prompt", f'{{"image": {plan.images}}}') if model.sees else ()),
        *(("--enforce-eager",) if plan.eager else ()),
        *(("--trust-remote-code",) if plan.remote_code else ()),
    )


def _precision(model: Model, weights: Weights) -> tuple[str, ...]:
    method = _METHODS.get(weights.quantization)
    return (
        *("--dtype", _DTYPES[model.architecture.dtype]),
        *(("--quantization", method) if method else ()),
    )


def _device(plan: Plan) -> tuple[str, ...]:
    cache = ("--kv-cache-dtype", "fp8") if plan.cache_type == "fp8" else ()
    if plan.place == "cpu":
        return cache
    cards = ("--tensor-parallel-size", str(plan.gpus)) if plan.gpus > 1 else ()
    return ("--gpu-memory-utilization", f"{plan.utilization:.2f}", *cards, *cache)
