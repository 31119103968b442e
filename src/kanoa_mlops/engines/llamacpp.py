"""llama.cpp. The flags are those of its own `llama-server`, so one translation serves every way to run it."""

from __future__ import annotations

from pathlib import Path

from kanoa_mlops.engines import container
from kanoa_mlops.engines.container import Mount
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.site import Site, WeightFiles
from kanoa_mlops.engines.walls import walls
from kanoa_mlops.engines.way import Contained, Embedded, Native
from kanoa_mlops.planner.cache import MICRO_BATCH
from kanoa_mlops.planner.llama import prompt_cache_bytes
from kanoa_mlops.planner.plan import Plan


def llama_launch(plan: Plan, files: WeightFiles, site: Site, way: Embedded | Native | Contained) -> Launch:
    """llama.cpp's server out of the wheel, as it is installed, or out of its image."""
    if isinstance(way, Contained):
        inner = _server_flags(plan, files.inside(), "0.0.0.0", container.PORT, Path(container.KEY))
        return Launch(
            argv=(*way.image.program, *inner),
            port=site.port,
            health_path="/health",
            key_file=site.key_file,
            environment=way.image.environment,
            container=walls(plan, way, (*files.mounts(), Mount(site.key_file, container.KEY))),
        )
    program = way.program if isinstance(way, Native) else (way.python, "-m", "kanoa_mlops.runtime.embedded")
    # The gateway is the only one who talks to an engine; others on this machine lack the key.
    flags = _server_flags(plan, files, "127.0.0.1", site.port, site.key_file)
    return Launch((*program, *flags), port=site.port, health_path="/health", key_file=site.key_file)


def _server_flags(plan: Plan, files: WeightFiles, host: str, port: int, key_file: Path) -> tuple[str, ...]:
    return (
        # Of a model in several files the first is named; llama.cpp finds the others beside it.
        *("--model", str(files.first)),
        *(("--mmproj", str(files.last)) if plan.sees else ()),
        *("--alias", plan.model),
        *("--host", host),
        *("--port", str(port)),
        *("--api-key-file", str(key_file)),
        *llama_flags(plan),
        # Below this it does not say how much memory it set aside; above, it writes down what it is asked.
        *("--log-verbosity", "4"),
        # Its counters tell whether it works or only answers.
        "--metrics",
        # Its own page would be a second door.
        "--no-ui",
    )


def llama_flags(plan: Plan) -> tuple[str, ...]:
    """What a plan decides, in the words of `llama-server`; without files and addresses."""
    return (
        # llama.cpp divides its context among the slots; a plan counts what one request gets.
        *("--ctx-size", str(plan.context * plan.sequences)),
        *("--parallel", str(plan.sequences)),
        # Each slot keeps its whole share: a request never fails because its neighbour is long.
        "--no-kv-unified",
        *("--threads", str(plan.threads)),
        *("--n-gpu-layers", str(_layers(plan))),
        # Left alone it spreads over every card there is.
        *(("--split-mode", "none") if plan.place == "gpu" and plan.gpus == 1 else ()),
        # A mapped file and the copy laid out for the processor would be held both.
        *(() if plan.mapped else ("--load-mode", "none")),
        *(("--n-cpu-moe", str(plan.host_experts)) if plan.host_experts else ()),
        *_cache_flags(plan),
        *_kind_flags(plan),
        # llama.cpp notices that a client left only between batches; its 2048 take many seconds on a CPU.
        *("--batch-size", str(max(MICRO_BATCH, plan.batch))),
        *(("--ubatch-size", str(plan.batch)) if plan.batch != MICRO_BATCH else ()),
        *(("--repeat-penalty", str(plan.repeat_penalty)) if plan.repeat_penalty else ()),
        # Left alone it grows to 8 GiB, which no plan would have counted.
        *("--cache-ram", str(prompt_cache_bytes(plan.kind) // 2**20)),
        # The plan has already decided what fits; llama.cpp must not shrink it silently.
        *("--fit", "off"),
    )


_ALL_LAYERS = 999


def _layers(plan: Plan) -> int:
    """On the device. Said in any case: left alone, llama.cpp would decide otherwise than planned."""
    if plan.place == "cpu":
        return 0
    return _ALL_LAYERS if plan.resident_layers is None else plan.resident_layers


def _kind_flags(plan: Plan) -> tuple[str, ...]:
    """It serves one kind of request, and refuses others."""
    if plan.kind == "rerank":
        return ("--reranking",)
    # A file may not say how its vectors are pooled, and then llama.cpp gives one for each token.
    return ("--embeddings", "--pooling", plan.pooling) if plan.pooling else ()


def _cache_flags(plan: Plan) -> tuple[str, ...]:
    if plan.cache_type == "f16":
        return ()
    return ("--cache-type-k", plan.cache_type, "--cache-type-v", plan.cache_type)
