"""Runs a program that must not outlive its starter: `python -m kanoa_mlops.runtime.guard -- PROGRAM …`.

Whoever starts a guard holds its standard input open. When that closes, however that came about, or when the
guard is asked to end, it ends the program with every process of its group. Then comes the final command, and
it exits as the program did; with 128 and the number for one that a signal ended, as shells do.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

GRACE_SECONDS = 5.0
"""Between asking a program to end and making it."""
FINAL_SECONDS = 20.0
"""For the final command."""
MOST_SECONDS = 2 * GRACE_SECONDS + FINAL_SECONDS
"""Longer a guard never takes to end."""
_POLL_SECONDS = 0.05
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


def guarded(argv: Sequence[str], finally_: Sequence[str] = ()) -> tuple[str, ...]:
    """How to run a program under a guard.

    Args:
        finally_: a command to run when the program has ended, whatever ended it.
    """
    final = ("--finally", shlex.join(finally_)) if finally_ else ()
    return (sys.executable, "-m", "kanoa_mlops.runtime.guard", *final, "--", *argv)


def main(argv: Sequence[str]) -> int:
    """Run a program to its end, or ours."""
    options = _parse(argv)
    wake = _wake_on_signals()
    try:
        program = _start(options.program)
    except OSError as error:
        print(f"{options.program[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127
    _wait(program, wake)
    code = _end(program)
    if options.final:
        _finish(options.final)
    return code if code >= 0 else 128 - code


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kanoa_mlops.runtime.guard", description=__doc__)
    parser.add_argument("--finally", dest="final", type=shlex.split, default=[])
    parser.add_argument("program", nargs="+")
    return parser.parse_args(argv)


def _wake_on_signals() -> int:
    """A descriptor that gives a byte for each signal: its number."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (*_ENDING, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reader


def _start(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a group of its own, and tied to this process as far as the system can."""
    # Its input stays open while we live, for a program that ends when that closes.
    return subprocess.Popen(argv, stdin=subprocess.PIPE, process_group=0, preexec_fn=_dying_with_us())


def _dying_with_us() -> Callable[[], object] | None:
    """For a new process, on Linux: the kernel kills it when the guard itself is killed."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return None if prctl is None else lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait(program: subprocess.Popen[bytes], wake: int) -> None:
    """Until the program has ended, the input has closed or a signal came."""
    while program.poll() is None:
        readable, _, _ = select.select([0, wake], [], [])
        if 0 in readable and not os.read(0, 4096):
            return
        if wake in readable and set(os.read(wake, 4096)).intersection(_ENDING):
            return


def _end(program: subprocess.Popen[bytes]) -> int:
    """End all of the group, be the program itself gone already; gives the program's code."""
    _signal_group(program, signal.SIGTERM)
    end = time.monotonic() + GRACE_SECONDS
    while _group_lives(program) and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
    _signal_group(program, signal.SIGKILL)
    try:
        return program.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL  # stuck in a driver; it dies when the driver lets it go


def _group_lives(program: subprocess.Popen[bytes]) -> bool:
    program.poll()  # reaped, or it would count as living
    return _signal_group(program, 0)


def _signal_group(program: subprocess.Popen[bytes], number: int) -> bool:
    """Whether anybody was there to get it."""
    try:
        os.killpg(program.pid, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of one that waits to be reaped
        return False
    return True


def _finish(command: Sequence[str]) -> None:
    """Unheard: the last words in the log are the program's. A command that could not run at all is told."""
    silent = subprocess.DEVNULL
    try:
        subprocess.run(command, stdin=silent, stdout=silent, stderr=silent, timeout=FINAL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{shlex.join(command)}: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
