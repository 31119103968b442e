"""Commands that may hang, asked for a bounded time."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How a command ended. `problem` is empty where it succeeded, otherwise words that follow its name."""

    output: str = ""
    problem: str = ""


class Commands:
    """Those of this machine.

    Args:
        path: where to look for them, in the form of PATH; PATH itself where None.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path

    def has(self, program: str) -> bool:
        return self.path(program) is not None

    def path(self, program: str) -> str | None:
        return shutil.which(program, path=self._path)

    def run(self, argv: Sequence[str], seconds: float) -> Outcome:
        """Never raises, and returns in time even where the command cannot be killed."""
        program = self.path(argv[0])
        if program is None:
            return Outcome(problem="is not installed")
        try:
            process = subprocess.Popen(
                [program, *argv[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # so that what it started is killed with it
            )
        except OSError as error:
            return Outcome(problem=f"does not start: {error.strerror or error}")
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _abandon(process)
            return Outcome(problem=f"did not answer within {seconds:.1f} s")
        return Outcome(output, _problem(process.returncode, errors))


def _problem(code: int, errors: str) -> str:
    if code == 0:
        return ""
    lines = errors.strip().splitlines()
    return f"failed: {lines[-1]}" if lines else f"failed with code {code}"


def _abandon(process: subprocess.Popen[str]) -> None:
    """Kill without waiting: a process stuck in a driver dies when the driver lets it go, or never."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    threading.Thread(target=process.wait, daemon=True, name=f"reap-{process.pid}").start()
