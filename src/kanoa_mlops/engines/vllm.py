"""vLLM. The flags of its OpenAI server, each with the reason it is there."""

from __future__ import annotations

import math

from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.engines import container
from kanoa_mlops.engines.container import Mount
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.site import Site, WeightFiles
from kanoa_mlops.engines.walls import walls
from kanoa_mlops.engines.way import Contained, Native
from kanoa_mlops.planner.plan import Plan

_DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "bfloat16"}
"""A checkpoint in 32 bits is held in 16: it loses nothing that an answer shows, and halves the memory."""
_METHODS = {"bnb4": "bitsandbytes", "fp8": "fp8"}
"""Made while loading; other formats are told by the checkpoint itself."""


_PRIVATE = {
    # The files are here, and a name that is none of theirs must not send it to the hub.
    "HF_HUB_OFFLINE": "1",
    # Left alone it reports its use to its makers.
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


def vllm_launch(
    plan: Plan, model: Model, weights: Weights, files: WeightFiles, site: Site, way: Native | Contained
) -> Launch:
    """vLLM's OpenAI server as it is installed, or out of its image."""
    flags = vllm_flags(plan, model, weights)
    if isinstance(way, Contained):
        mounts = (
            *files.mounts(),
            Mount(site.key_file, container.KEY),
            Mount(site.store, container.STORE, writable=True),
        )
        inner = (*way.image.program, *_address(container.WEIGHTS, "0.0.0.0", container.PORT), *flags)
        return Launch(
            argv=_with_key(container.KEY, inner),
            port=site.port,
            health_path="/health",
            key_file=site.key_file,
            environment={
                **way.image.environment,
                **_PRIVATE,
                **vllm_environment(plan),
                "VLLM_CACHE_ROOT": container.STORE,
            },
            container=walls(plan, way, mounts),
        )
    inner = (*way.program, *_address(str(files.folder), "127.0.0.1", site.port), *flags)
    return Launch(
        argv=_with_key(str(site.key_file), inner),
        port=site.port,
        health_path="/health",
        key_file=site.key_file,
        environment={**_PRIVATE, **vllm_environment(plan), "VLLM_CACHE_ROOT": str(site.store)},
    )


def _address(folder: str, host: str, port: int) -> tuple[str, ...]:
    return ("--model", folder, "--host", host, "--port", str(port))


def _with_key(key_file: str, argv: tuple[str, ...]) -> tuple[str, ...]:
    """vLLM reads its key from the environment alone; so it enters that of its process and no other place."""
    script = 'VLLM_API_KEY="$(cat "$0")" && export VLLM_API_KEY && exec "$@"'
    return ("/bin/sh", "-c", script, key_file, *argv)


def vllm_environment(plan: Plan) -> dict[str, str]:
    """What a plan decides and no flag says."""
    if plan.place != "cpu":
        return {}
    cache = next(line.size.expected for line in plan.budget.lines if line.name == "key-value cache")
    return {"VLLM_CPU_KVCACHE_SPACE": str(max(1, math.ceil(cache / 2**30)))}


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
