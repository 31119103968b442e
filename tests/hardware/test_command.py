"""Commands that may hang: real processes."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from kanoa_mlops.hardware.command import Commands, Outcome


def script(folder: Path, name: str, body: str) -> Commands:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return Commands(path=f"{folder}:/usr/bin:/bin")


def test_an_answer_is_given_back(tmp_path: Path) -> None:
    commands = script(tmp_path, "docker", 'echo "got $1"')
    assert commands.has("docker")
    assert commands.run(("docker", "info"), 5) == Outcome("got info\n")


def test_the_last_words_of_a_failure_are_told(tmp_path: Path) -> None:
    commands = script(
        tmp_path, "docker", "echo partial; echo first >&2; echo 'permission denied' >&2; exit 3"
    )
    assert commands.run(("docker",), 5) == Outcome("partial\n", "failed: permission denied")
    assert script(tmp_path, "docker", "exit 3").run(("docker",), 5) == Outcome("", "failed with code 3")


def test_a_program_that_is_not_there_is_not_installed(tmp_path: Path) -> None:
    commands = Commands(path=str(tmp_path))
    assert not commands.has("docker")
    assert commands.run(("docker",), 5) == Outcome(problem="is not installed")


def test_a_program_that_cannot_start_says_why(tmp_path: Path) -> None:
    file = tmp_path / "broken"
    file.write_bytes(b"\x7fELF nonsense")
    file.chmod(0o755)
    assert Commands(str(tmp_path)).run(("broken",), 5).problem == "does not start: Exec format error"


@pytest.mark.parametrize("trap", ["", "trap '' TERM INT HUP; "])
def test_one_that_hangs_is_killed_with_all_it_started(trap: str, tmp_path: Path) -> None:
    # The grandchild holds the pipe open: waiting for its end would wait for longer than a test may take.
    child = tmp_path / "child"
    body = f"{trap}sleep 3600 & echo $! > {child}.new; mv {child}.new {child}; wait; wait"
    commands, seconds = script(tmp_path, "nvidia-smi", body), 0.5
    while not child.exists():  # on a slow machine it was killed before it came to that
        outcome = commands.run(("nvidia-smi",), seconds)
        assert outcome == Outcome(problem=f"did not answer within {seconds} s")
        seconds *= 2
    assert _ends(int(child.read_text()))


def test_one_that_talks_without_end_is_stopped_too(tmp_path: Path) -> None:
    loop = (sys.executable, "-c", "while True: print('x' * 1000)")
    assert Commands().run(loop, 0.5).problem == "did not answer within 0.5 s"


def _ends(pid: int) -> bool:
    """Within half a minute; a zombie has ended."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
