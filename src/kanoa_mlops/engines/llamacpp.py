"""llama.cpp. The flags are those of its own `llama-server`, so one translation serves every way to run it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.planner.memory import MICRO_BATCH, PROMPT_CACHE_BYTES
from kanoa_mlops.planner.plan import Plan


def launch(plan: Plan, files: Sequence[Path], *, port: int, key_file: Path, python: str) -> Launch:
    """The embedded llama.cpp as a process of its own, listening on loopback.

    Args:
        files: verified weight files, the model first, then its vision projector if it has one.
        python: the interpreter to run the embedded engine with.
    """
    return Launch(
        argv=(python, "-m", "kanoa_mlops.runtime.embedded", *_flags(plan, files, port, key_file)),
        port=port,
        health_path="/health",
        key_file=key_file,
    )


def _flags(plan: Plan, files: Sequence[Path], port: int, key_file: Path) -> tuple[str, ...]:
    model, *projector = files
    return (
        *("--model", str(model)),
        *(("--mmproj", str(projector[0])) if projector else ()),
        *("--alias", plan.model),
        # The gateway is the only one who talks to an engine; others on this machine lack the key.
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--api-key-file", str(key_file)),
        # llama.cpp divides its context among the slots; a plan counts what one request gets.
        *("--ctx-size", str(plan.context * plan.sequences)),
        *("--parallel", str(plan.sequences)),
        *("--threads", str(plan.threads)),
        # llama.cpp notices that a client left only between batches; its 2048 take many seconds on a CPU.
        *("--batch-size", str(MICRO_BATCH)),
        *(("--repeat-penalty", str(plan.repeat_penalty)) if plan.repeat_penalty else ()),
        # Left alone it grows to 8 GiB, which no plan would have counted.
        *("--cache-ram", str(PROMPT_CACHE_BYTES // 2**20)),
    )
