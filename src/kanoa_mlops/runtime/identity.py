"""Which process is meant, even after its number was given to another one."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

# Start times are counted from boot, and the clock's idea of when that was may be corrected meanwhile.
_CLOCK_SLACK = 2.0


@dataclass(frozen=True)
class Identity:
    """A process number with the second it began (Unix time)."""

    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """The living process, or None if it ended, is a zombie, or another one has its number now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) <= _CLOCK_SLACK
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    @property
    def alive(self) -> bool:
        return self.process() is not None


def identify(pid: int) -> Identity | None:
    """The identity of a running process; None if it is already gone."""
    try:
        return Identity(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def this_process() -> Identity:
    return Identity(os.getpid(), psutil.Process().create_time())


def end(identities: Iterable[Identity], grace: float) -> None:
    """Ask each to end (SIGTERM), and after `grace` seconds make it (SIGKILL). Those gone are no error."""
    processes = [process for each in identities if (process := each.process())]
    _signal(processes, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(processes, timeout=grace)
    _signal(stubborn, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=grace)


def _signal(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
