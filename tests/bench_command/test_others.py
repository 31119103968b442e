"""How busy a machine is beside what is measured, asked of real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil
import pytest

from kanoa_mlops.bench.others import Reading, others_share, read

_BURN = "while True: pass"


@contextmanager
def burning() -> Iterator[psutil.Process]:
    """A program that takes a processor, as a child of a shell does."""
    shell = subprocess.Popen([sys.executable, "-c", f"import subprocess, sys\n{_CHILD}"])
    try:
        while len(psutil.Process(shell.pid).children()) < 1:
            time.sleep(0.01)
        yield psutil.Process(shell.pid)
    finally:
        for child in psutil.Process(shell.pid).children(recursive=True):
            child.kill()
        shell.kill()
        shell.wait()


_CHILD = f"subprocess.run([sys.executable, '-c', {_BURN!r}])"


def test_the_work_of_children_is_ours() -> None:
    with burning() as ours:
        before = after = read([ours])
        while after.ours - before.ours < 0.5:  # seconds; it gets them late where others want the processor
            time.sleep(0.05)
            after = read([ours])
    assert read([]).ours == 0
    # The same time, once with that program as ours and once as another's.
    taken = (after.ours - before.ours) / (after.total - before.total)
    theirs = others_share(replace(before, ours=0), replace(after, ours=0))
    assert theirs - others_share(before, after) == pytest.approx(taken, abs=0.05)


def test_who_is_gone_or_named_twice_is_counted_as_it_should() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    process = psutil.Process(gone.pid)
    gone.wait()
    assert read([process]).ours == 0
    with burning() as ours:
        [child] = ours.children()
        child.suspend()
        assert read([ours, ours, child]).ours == read([ours]).ours


@pytest.mark.parametrize(
    ("after", "share"),
    [
        (Reading(100, 50, 50), 0),
        (Reading(100, 50, 25), 0.25),
        (Reading(100, 100, 0), 1),
        (Reading(100, 50, 60), 0),
        (Reading(0, 0, 0), 0),
    ],
)
def test_a_share_is_of_all_processors(after: Reading, share: float) -> None:
    assert others_share(Reading(0, 0, 0), after) == share
