"""A person's machine: their own folders, the real weights, the real program."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.runtime.ports import free_port
from tests.conftest import MODEL, PROGRAM


@dataclass
class Person:
    """Someone at a terminal, with a port of their own."""

    home: Path
    port: int

    def run(self, *arguments: str, code: int = 0, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """One command to its end, with the exit code that is expected."""
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=seconds)
        assert done.returncode == code, (
            f"{arguments} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    def json(self, *arguments: str, code: int = 0, seconds: float = 120) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code, seconds=seconds).stdout)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on."""
        return subprocess.Popen(
            [PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def serve(self) -> dict[str, Any]:
        served: dict[str, Any] = self.json("serve", MODEL, "-d", "--port", str(self.port))
        return served

    @property
    def server(self) -> dict[str, Any]:
        """What `status` says of the one server, whatever its exit code."""
        done = subprocess.run([PROGRAM, "status", "--json"], capture_output=True, text=True, timeout=60)
        [server] = json.loads(done.stdout)["servers"]
        assert isinstance(server, dict)
        return server

    @property
    def engine(self) -> dict[str, Any]:
        [engine] = self.server["engines"]
        assert isinstance(engine, dict)
        return engine

    def processes(self) -> list[psutil.Process]:
        """Every process of this person's servers and engines."""
        found = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            environment = process.info["environ"] or {}
            words = " ".join(process.info["cmdline"] or ())
            if environment.get("KANOA_MLOPS_STATE_DIR") == str(self.home / "state") and (
                "kanoa_mlops" in words or "kanoa-mlops" in words
            ):
                found.append(process)
        return found


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.05)


@pytest.fixture
def stocked(home: Path, weights_file: Path) -> Path:
    """A home whose cache already holds the real weights, as files of its own."""
    target = home / "cache" / "weights" / MODEL / weights_file.parent.name
    target.mkdir(parents=True)
    shutil.copy2(weights_file, target)
    return target / weights_file.name


@pytest.fixture
def person(home: Path, stocked: Path, catalog: Catalog) -> Iterator[Person]:
    """Nothing of theirs may be left running, whatever the test did."""
    someone = Person(home, free_port())
    os.environ["KANOA_MLOPS_OFFLINE"] = "1"
    yield someone
    left = {process: process.info["cmdline"] for process in someone.processes()}
    for process in left:
        process.send_signal(signal.SIGKILL)
    assert not left, f"left running: {list(left.values())}"
