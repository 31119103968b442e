"""The guard with real trees of processes, and whoever starts it killed in every way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from kanoa_mlops.runtime.guard import guarded

# As vLLM: a server with workers, and a worker of a worker. Each writes down its number.
TREE = """
import os, subprocess, sys, time
folder, depth, ears = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if ears == "deaf":
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if depth:
    for _ in range(2):
        subprocess.Popen([sys.executable, "-c", CODE, folder, str(depth - 1), ears])
open(f"{folder}/{os.getpid()}", "w").close()
time.sleep(600)
"""
TREE = f"CODE = {TREE!r}\nCODE = 'CODE = ' + repr(CODE) + chr(10) + CODE\n" + TREE
MEMBERS = 7


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "members"
    made.mkdir()
    yield made
    for pid in members(made):
        os.kill(pid, signal.SIGKILL)


def members(folder: Path) -> list[int]:
    """Those of a tree that live."""
    return [int(path.name) for path in folder.iterdir() if lives(int(path.name))]


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.02)


def start(folder: Path, *, deaf: bool = False, final: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    tree = (sys.executable, "-c", TREE, str(folder), "2", "deaf" if deaf else "hears")
    process = subprocess.Popen(guarded(tree, final), stdin=subprocess.PIPE, start_new_session=True)
    until(lambda: len(members(folder)) == MEMBERS)
    return process
