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


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.02)


def start(folder: Path, *, deaf: bool = False, final: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    tree = (sys.executable, "-c", TREE, str(folder), "2", "deaf" if deaf else "hears")
    process = subprocess.Popen(guarded(tree, final), stdin=subprocess.PIPE, start_new_session=True)
    until(lambda: len(members(folder)) == MEMBERS)
    return process


def lives_through(program: str, *, final: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A program under a guard, to its own end."""
    with subprocess.Popen(
        guarded((sys.executable, "-c", program), final),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout and process.stderr
        output, errors = process.stdout.read(), process.stderr.read()
    return subprocess.CompletedProcess((), process.returncode, output, errors)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, None])
def test_asked_to_end_it_takes_the_whole_tree_along(folder: Path, ending: signal.Signals | None) -> None:
    guard = start(folder, final=("touch", str(folder.parent / "tidied")))
    assert end(guard, ending) == 128 + signal.SIGTERM
    assert members(folder) == []
    assert (folder.parent / "tidied").exists()


def test_those_that_do_not_hear_are_made_to_end(folder: Path) -> None:
    guard = start(folder, deaf=True, final=("touch", str(folder.parent / "tidied")))
    assert end(guard, signal.SIGTERM) == 128 + signal.SIGKILL
    assert members(folder) == []
    assert (folder.parent / "tidied").exists()


def end(guard: subprocess.Popen[bytes], ending: signal.Signals | None) -> int:
    """By a signal, or by closing its input; gives its code."""
    assert guard.stdin
    if ending is None:
        guard.stdin.close()
        return guard.wait(60)
    guard.send_signal(ending)
    code = guard.wait(60)
    guard.stdin.close()
    return code


def test_a_starter_that_is_killed_leaves_nothing(folder: Path) -> None:
    tidied = folder.parent / "tidied"
    tree = (sys.executable, "-c", TREE, str(folder), "2", "hears")
    code = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen({guarded(tree, ('touch', str(tidied)))!r}, stdin=subprocess.PIPE)\n"
        "time.sleep(600)"
    )
    starter = subprocess.Popen((sys.executable, "-c", code), start_new_session=True)
    until(lambda: len(members(folder)) == MEMBERS)
    starter.kill()
    starter.wait()
    until(lambda: tidied.exists() and not members(folder))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a child with its parent")
def test_a_guard_that_is_killed_takes_the_program_along() -> None:
    program = (sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    with subprocess.Popen(guarded(program), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as guard:
        assert guard.stdout
        pid = int(guard.stdout.readline())
        assert lives(pid)
        guard.kill()
        until(lambda: not lives(pid))


def test_a_program_that_ends_is_followed_by_those_it_left(folder: Path) -> None:
    program = (
        "import subprocess, sys\n"
        f"subprocess.Popen((sys.executable, '-c', {TREE!r}, {str(folder)!r}, '0', 'hears'))\n"
        "import os, time\n"
        f"while not os.listdir({str(folder)!r}): time.sleep(0.01)\n"
        "sys.exit(3)"
    )
    assert lives_through(program).returncode == 3
    assert len(list(folder.iterdir())) == 1
    assert members(folder) == []


def test_the_program_keeps_its_words_and_its_end() -> None:
    done = lives_through("import os; print('words', flush=True); os.kill(os.getpid(), 11)")
    assert (done.returncode, done.stdout) == (128 + 11, "words\n")


def test_its_input_is_open_while_the_guard_lives() -> None:
    done = lives_through("import select, sys; print(select.select([sys.stdin], [], [], 0.2)[0])")
    assert done.stdout == "[]\n"


def test_what_the_final_command_says_is_not_in_the_log() -> None:
    done = lives_through(
        "print('last words')", final=("sh", "-c", "echo a container id; echo none >&2; exit 1")
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "last words\n", "")


def test_a_final_command_that_cannot_run_is_told() -> None:
    done = lives_through("", final=("/no/such/program",))
    assert done.returncode == 0
    assert "/no/such/program" in done.stderr


def test_a_program_that_is_not_there_is_named() -> None:
    done = subprocess.run(
        guarded(("/no/such/program",)), stdin=subprocess.PIPE, capture_output=True, text=True
    )
    assert done.returncode == 127
    assert done.stderr == "/no/such/program: No such file or directory\n"
