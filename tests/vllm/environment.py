"""The environment that has the real vLLM, and programs run in it."""

from __future__ import annotations

import json
import os
import subprocess
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


def environment() -> dict[str, str]:
    """For programs that ask nobody outside."""
    return {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_TARGET_DEVICE": "cpu"}


def run(program: str, *arguments: object, seconds: float = 300) -> str:
    """What one of the programs beside this file prints."""
    done = subprocess.run(
        [vllm_python(), _HERE / program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        env=environment(),
    )
    assert done.returncode == 0, f"{program} ended with {done.returncode}:\n{done.stderr[-4000:]}"
    return done.stdout


class Answering:
    """A program beside this file that gives a line of JSON for each that it gets; vLLM is imported once."""

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [vllm_python(), _HERE / program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def __call__(self, question: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{json.dumps(question)}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"it ended with {self._process.wait()}"
        return json.loads(answer)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def checkpoint_of_gguf(gguf: Path, name: str) -> Path:
    """A folder as vLLM reads it, made of a GGUF once and kept in the environment."""
    folder = CHECKPOINTS / name
    if not folder.exists():
        run("checkpoint_of_gguf.py", gguf, folder)
    return folder
