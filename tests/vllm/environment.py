"""The environment that has the real vLLM, and programs run in it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-vllm"
CHECKPOINTS = ENVIRONMENT / "checkpoints"
_HERE = Path(__file__).parent


def vllm_python() -> Path:
    """Its interpreter; a test that wants it fails where it is missing, and is never left out."""
    python = ENVIRONMENT / "bin" / "python"
    assert (ENVIRONMENT / ".installed").exists(), f"{ENVIRONMENT} has no vLLM: run `make vllm`"
    return python


def run(program: str, *arguments: object, lines: Iterable[str] = (), seconds: float = 300) -> str:
    """What one of the programs beside this file prints."""
    done = subprocess.run(
        [vllm_python(), _HERE / program, *map(str, arguments)],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"},
    )
    assert done.returncode == 0, f"{program} ended with {done.returncode}:\n{done.stderr[-4000:]}"
    return done.stdout


def answers(program: str, questions: Iterable[Any], seconds: float = 300) -> list[Any]:
    """JSON out of a program for JSON into it, line by line."""
    asked = [json.dumps(each) for each in questions]
    told = [json.loads(line) for line in run(program, lines=asked, seconds=seconds).splitlines()]
    assert len(told) == len(asked), f"{program} answered {len(told)} of {len(asked)}"
    return told


def checkpoint_of_gguf(gguf: Path, name: str) -> Path:
    """A folder as vLLM reads it, made of a GGUF once and kept in the environment."""
    folder = CHECKPOINTS / name
    if not folder.exists():
        run("checkpoint_of_gguf.py", gguf, folder)
    return folder
