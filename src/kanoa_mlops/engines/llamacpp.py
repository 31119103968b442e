"""llama.cpp. The flags are those of its own `llama-server`, so one translation serves every way to run it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.planner.cache import MICRO_BATCH
from kanoa_mlops.planner.llama import PROMPT_CACHE_BYTES
from kanoa_mlops.planner.plan import Plan


def launch(plan: Plan, files: Sequence[Path], *, port: int, key_file: Path, python: str) -> Launch:
    """The embedded llama.cpp as a process of its own, listening on loopback.

    Args:
        files: verified weight files, the model's first, its vision projector last where the plan sees.
        python: the interpreter to run the embedded engine with.
    """
    return Launch(
        argv=(python, "-m", "kanoa_mlops.runtime.embedded", *_flags(plan, files, port, key_file)),
        port=port,
        health_path="/health",
        key_file=key_file,
    )


def _flags(plan: Plan, files: Sequence[Path], port: int, key_file: Path) -> tuple[str, ...]:
    return (
        # Of a model in several files the first is named; llama.cpp finds the others beside it.
        *("--model", str(files[0])),
        *(("--mmproj", str(files[-1])) if plan.sees else ()),
        *("--alias", plan.model),
        # The gateway is the only one who talks to an engine; others on this machine lack the key.
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--api-key-file", str(key_file)),
        *llama_flags(plan),
    )


def llama_flags(plan: Plan) -> tuple[str, ...]:
    """What a plan decides, in the words of `llama-server`; without files and addresses."""
    return (
        # llama.cpp divides its context among the slots; a plan counts what one request gets.
        *("--ctx-size", str(plan.context * plan.sequences)),
        *("--parallel", str(plan.sequences)),
        *("--threads", str(plan.threads)),
        *("--n-gpu-layers", str(_layers(plan))),
        # A mapped file and the copy laid out for the processor would be held both.
        *(() if plan.mapped else ("--no-mmap",)),
        *(("--n-cpu-moe", str(plan.host_experts)) if plan.host_experts else ()),
        *(_cache_flags(plan)),
        # llama.cpp notices that a client left only between batches; its 2048 take many seconds on a CPU.
        *("--batch-size", str(max(MICRO_BATCH, plan.batch))),
        *(("--ubatch-size", str(plan.batch)) if plan.batch != MICRO_BATCH else ()),
        *(("--repeat-penalty", str(plan.repeat_penalty)) if plan.repeat_penalty else ()),
        # Left alone it grows to 8 GiB, which no plan would have counted.
        *("--cache-ram", str(PROMPT_CACHE_BYTES // 2**20)),
    )


_ALL_LAYERS = 999


def _layers(plan: Plan) -> int:
    """On the device. Said in any case: left alone, llama.cpp would decide otherwise than planned."""
    if plan.place == "cpu":
        return 0
    return _ALL_LAYERS if plan.resident_layers is None else plan.resident_layers


def _cache_flags(plan: Plan) -> tuple[str, ...]:
    if plan.cache_type == "f16":
        return ()
    return ("--cache-type-k", plan.cache_type, "--cache-type-v", plan.cache_type)
