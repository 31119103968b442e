"""Why an engine ended, in words, from its last lines and its exit status."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from kanoa_mlops.runtime.faults import FAULTS

_TAIL_LINES = 8
SEARCHED_LINES = 200


@dataclass(frozen=True)
class Diagnosis:
    """`reason` completes the sentence 'the engine ended: …'."""

    reason: str
    hint: str
    last_lines: tuple[str, ...]


def diagnose(log: str, status: int, model: str) -> Diagnosis:
    """Read the end of a log.

    Args:
        status: the exit status; negative for the signal that ended it, as `subprocess` gives it.
    """
    lines = [line for line in log.splitlines() if line.strip()]
    last_lines = lines[-_TAIL_LINES:]
    for fault in FAULTS:
        for line in lines[-SEARCHED_LINES:]:
            if match := re.search(fault.pattern, line):
                # The line that tells may stand far above the last one.
                telling = [] if line in last_lines else [line]
                words = {"model": model, **match.groupdict()}
                return Diagnosis(
                    fault.reason.format(**words), fault.hint.format(**words), (*telling, *last_lines)
                )
    reason, hint = _by_status(status)
    return Diagnosis(reason, hint or f"`kanoa-mlops logs {model}` shows its log.", tuple(last_lines))


def _by_status(status: int) -> tuple[str, str]:
    if status >= 0:
        return f"it exited with status {status}", ""
    name = signal.Signals(-status).name if -status in {s.value for s in signal.Signals} else str(-status)
    if name == "SIGKILL":
        return "it was killed (SIGKILL); the system does so when memory runs out", ""
    if name == "SIGILL":
        return (
            "this processor lacks an instruction the llama.cpp wheel was built with (SIGILL)",
            "Build it here: pip install --no-binary :all: xllamacpp",
        )
    return f"it crashed or was ended from outside ({name})", ""
