"""vLLM. The flags of its OpenAI server, each with the reason it is there."""

from __future__ import annotations

import json
import math
from pathlib import Path

from kanoa_mlops.catalog.types import Model, Support, Weights
from kanoa_mlops.engines import container
from kanoa_mlops.engines.container import Mount
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.site import Site, WeightFiles
from kanoa_mlops.engines.walls import walls
from kanoa_mlops.engines.way import Contained, Native
from kanoa_mlops.planner.budget import CACHE
from kanoa_mlops.planner.plan import Plan

_DTYPES = {"BF16": "bfloat16", "F16": "float16", "F32": "bfloat16"}
"""A checkpoint in 32 bits is held in 16: it loses nothing that an answer shows, and halves the memory."""
_METHODS = {"bnb4": "bitsandbytes", "fp8": "fp8"}
"""Made while loading; other formats are told by the checkpoint itself."""
_INSIDE = Path(__file__).with_name("inside")
"""What runs in vLLM's own process; here, and in a container."""
_INSIDE_THERE = "/opt/kanoa-mlops"
_SCRIPT = (
    'VLLM_API_KEY="$(cat "$0")" && PYTHONPATH="$1${PYTHONPATH:+:$PYTHONPATH}" '
    '&& export VLLM_API_KEY PYTHONPATH && shift && exec "$@"'
)
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
            Mount(_INSIDE, _INSIDE_THERE),
        )
        inner = (*way.image.program, *_address(container.WEIGHTS, "0.0.0.0", container.PORT), *flags)
        return Launch(
            argv=_with_key(container.KEY, _INSIDE_THERE, inner),
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
        argv=_with_key(str(site.key_file), str(_INSIDE), inner),
        port=site.port,
        health_path="/health",
        key_file=site.key_file,
        environment={**_PRIVATE, **vllm_environment(plan), "VLLM_CACHE_ROOT": str(site.store)},
    )


def _address(folder: str, host: str, port: int) -> tuple[str, ...]:
    return ("--model", folder, "--host", host, "--port", str(port))


def _with_key(key_file: str, inside: str, argv: tuple[str, ...]) -> tuple[str, ...]:
    """vLLM reads its key from the environment alone; so it enters that of its process and no other place.

    It asks for it on some paths and answers prompts on others, so what asks on all is put on its path.
    """
    return ("/bin/sh", "-c", _SCRIPT, key_file, inside, *argv, "--middleware", "kanoa_key.WholeKey")


def vllm_environment(plan: Plan) -> dict[str, str]:
    """What a plan decides and no flag says."""
    # A build for graphics cards would look for one, and end where there is none.
    return {"VLLM_TARGET_DEVICE": "cpu"} if plan.place == "cpu" else {}


def vllm_flags(plan: Plan, model: Model, weights: Weights) -> tuple[str, ...]:
    """What a plan decides, in vLLM's words; without files and addresses."""
    return (
        *("--served-model-name", plan.model),
        *_precision(plan, model, weights),
        *_limits(plan, model.reads_whole),
        # Some of these checkpoints are named as models that write, and would be served as such.
        *(("--runner", "pooling") if plan.kind != "chat" else ()),
        *_device(plan),
        *(("--limit-mm-per-prompt", _media(plan)) if model.sees else ()),
        *_answers(plan, model.engines["vllm"]),
        # Recorded graphs take memory that a tight plan has not.
        *(("--enforce-eager",) if plan.eager else ()),
        # Code out of the model's repository, which the owner was asked about.
        *(("--trust-remote-code",) if plan.remote_code else ()),
    )


def _precision(plan: Plan, model: Model, weights: Weights) -> tuple[str, ...]:
    method = _METHODS.get(weights.quantization)
    return (
        # Left alone it is the checkpoint's, and some are published in 32 bits.
        *("--dtype", _DTYPES[model.architecture.dtype]),
        # Only where it is made while loading.
        *(("--quantization", method) if method else ()),
        # Half the cache; left alone it is as wide as the weights are computed in.
        *(("--kv-cache-dtype", "fp8") if plan.cache_type == "fp8" else ()),
    )


def _limits(plan: Plan, whole: bool) -> tuple[str, ...]:
    return (
        # Left alone it is the model's longest, and one request of that length must fit the cache.
        *("--max-model-len", str(plan.context)),
        # Each sequence costs a row of logits while vLLM measures itself, and 256 do not fit everywhere.
        *("--max-num-seqs", str(plan.sequences)),
        # What is computed at once was planned for; left alone it depends on the card.
        *("--max-num-batched-tokens", str(plan.batch)),
        # A prompt longer than a batch is read in pieces; without this vLLM would refuse so small a batch.
        *(() if whole else ("--enable-chunked-prefill",)),
    )


def _device(plan: Plan) -> tuple[str, ...]:
    if plan.place == "cpu":
        # To the byte: left alone it takes most of the machine, and counts what others hold as its own.
        cache = next((line.size.expected for line in plan.budget.lines if line.name == CACHE), 0.0)
        return ("--kv-cache-memory-bytes", str(math.ceil(cache))) if cache else ()
    return (
        # The share of the card in which weights, cache and all else were planned.
        *("--gpu-memory-utilization", f"{plan.utilization:.2f}"),
        # Every card holds its part of each layer.
        *(("--tensor-parallel-size", str(plan.gpus)) if plan.gpus > 1 else ()),
    )


def _media(plan: Plan) -> str:
    """Room is set aside for the largest request; of what is not named, for as much as fits."""
    return json.dumps({"image": plan.images, "video": 0, "audio": 0})


def _answers(plan: Plan, support: Support) -> tuple[str, ...]:
    penalty = {"repetition_penalty": plan.repeat_penalty}
    return (
        # Where a request does not say.
        *(("--override-generation-config", json.dumps(penalty)) if plan.repeat_penalty else ()),
        # Without it a client finds the thinking in the answer.
        *(("--reasoning-parser", support.reasoning_parser) if support.reasoning_parser else ()),
        # Without these a request that offers tools and leaves the choice to the model is refused.
        *(
            ("--enable-auto-tool-choice", "--tool-call-parser", support.tool_parser)
            if support.tool_parser
            else ()
        ),
    )
