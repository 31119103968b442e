"""The commands with an Ollama: the fake as a real process, beside us or started by us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from kanoa_mlops.runtime.ports import free_port
from tests.conftest import PROGRAM
from tests.e2e.conftest import Person, until

pytestmark = pytest.mark.e2e

SERVE = ("serve", "gemma-3-12b", "--engine", "ollama", "--weights", "ollama", "--context", "4096")
DERIVED = "kanoa-mlops/gemma-3-12b-it:4096x"


@pytest.fixture
def someone(home: Path) -> Iterator[Person]:
    """At a terminal of their own, with no daemon unless one is started."""
    os.environ["OLLAMA_HOST"] = f"127.0.0.1:{free_port()}"
    made = Person(home, free_port())
    yield made
    subprocess.run([PROGRAM, "stop", "--port", str(made.port)], capture_output=True, timeout=60)
    assert not daemons()


@pytest.fixture
def daemon(someone: Person) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-m", "tests.fakes.ollama", "serve"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert b"Listening" in process.stdout.readline()
    yield f"http://{os.environ['OLLAMA_HOST']}"
    process.terminate()
    process.communicate(timeout=60)


def daemons() -> list[psutil.Process]:
    """Of this test: those that look for the person's own address, or were started by its servers."""
    state = os.environ["KANOA_MLOPS_STATE_DIR"]
    return [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "tests.fakes.ollama" in (process.info["cmdline"] or ())
        and (process.info["environ"] or {}).get("KANOA_MLOPS_STATE_DIR") == state
    ]


def loaded(url: str) -> list[str]:
    with urllib.request.urlopen(f"{url}/api/ps", timeout=60) as answer:
        models: list[dict[str, Any]] = json.load(answer)["models"]
    return [each["name"] for each in models]


def test_a_daemon_that_runs_is_used_and_left(someone: Person, daemon: str) -> None:
    someone.run(*SERVE, "-d", "--port", str(someone.port))
    [name] = loaded(daemon)
    assert name.startswith(DERIVED)
    assert (someone.engine["state"], someone.engine["reason"], someone.engine["pid"]) == ("ready", "", None)
    assert someone.engine["used_bytes"] > 8 * 2**30
    assert someone.run("ask", "hello", "--port", str(someone.port)).stdout.strip() == "The sales rise."
    someone.run("stop", "--port", str(someone.port))
    assert loaded(daemon) == []


def test_one_of_our_own_does_not_outlive_a_killed_server(someone: Person) -> None:
    folder = someone.home / "bin"
    folder.mkdir()
    program = folder / "ollama"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.fakes.ollama "$@"\n')
    program.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    someone.run(*SERVE, "-d", "--via", "native", "--port", str(someone.port))
    assert someone.engine["state"] == "ready"
    assert daemons()
    os.kill(someone.server["pid"], signal.SIGKILL)
    until(lambda: not daemons())
