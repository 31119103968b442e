"""The real llama.cpp in real containers, kept alive and killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from kanoa_mlops.engines.container import KEY
from kanoa_mlops.runtime.containers.box import Box, Tool
from kanoa_mlops.runtime.state import server_folder
from tests.conftest import MODEL
from tests.containers.engine import SERVER

pytestmark = [pytest.mark.containers, pytest.mark.parametrize("tool", ["podman", "docker"])]


@dataclass
class Life:
    """A supervisor as a process, and what it told last."""

    tool: Tool
    home: Path
    process: subprocess.Popen[str]
    record: dict[str, Any]

    def until(self, state: str) -> None:
        assert self.process.stdout
        while line := self.process.stdout.readline():
            self.record = json.loads(line)
            if self.record["state"] == state:
                return
        raise AssertionError(self.log)

    @property
    def folder(self) -> Path:
        return server_folder(self.home / "servers", SERVER).path

    @property
    def log(self) -> str:
        return (self.folder / f"{MODEL}.log").read_text(errors="replace")

    @property
    def key(self) -> str:
        return (self.folder / f"{MODEL}.key").read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.record['port']}"

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.communicate()


Begin = Callable[[], Life]


@pytest.fixture
def begin(tool: Tool, llama_image: str, docker: str, weights_file: Path) -> Iterator[Begin]:
    """Starts a supervisor; each of a test in the same home. Nothing of theirs may be left."""
    # A folder of a person's own, which nobody else can enter.
    home = Path(tempfile.mkdtemp())
    weights = home / "weights" / weights_file.name
    weights.parent.mkdir(mode=0o755)
    shutil.copy2(weights_file, weights)
    begun: list[Life] = []

    def start() -> Life:
        argv = (sys.executable, "-m", "tests.containers.engine", tool, MODEL, str(weights), str(home))
        begun.append(Life(tool, home, subprocess.Popen(argv, stdout=subprocess.PIPE, text=True), {}))
        begun[-1].until("ready")
        return begun[-1]

    yield start
    for life in begun:
        if life.process.poll() is None:
            life.end(signal.SIGKILL)
    until(lambda: containers(tool) == [] and guards(home) == [])
    shutil.rmtree(home)


def containers(tool: Tool) -> list[str]:
    listed = subprocess.run(
        (tool, "ps", "--all", "--format", "{{.Names}}"), capture_output=True, text=True, check=True
    )
    return listed.stdout.split()


def guards(home: Path) -> list[int]:
    """What of a supervisor's processes is left."""
    found = psutil.process_iter(["cmdline"])
    return [each.pid for each in found if str(home) in " ".join(each.info["cmdline"] or ())]


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.05)


def inspected(tool: Tool) -> tuple[dict[str, Any], str]:
    told = subprocess.run((tool, "inspect", Box(tool, SERVER, MODEL).name), capture_output=True, text=True)
    [container] = json.loads(told.stdout)
    return container, told.stdout


def test_it_answers_within_its_walls(begin: Begin, tool: Tool) -> None:
    life = begin()
    with httpx.Client(base_url=life.url, timeout=60) as client:
        asked = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}
        assert client.get("/health").status_code == 200
        assert client.post("/v1/chat/completions", json=asked).status_code == 401
        client.headers["Authorization"] = f"Bearer {life.key}"
        answer = client.post("/v1/chat/completions", json=asked)
        assert answer.json()["choices"][0]["message"]["content"]
    container, text = inspected(tool)
    assert life.key not in text
    assert life.key not in life.log
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert [user["HostIp"] for users in container["NetworkSettings"]["Ports"].values() for user in users] == [
        "127.0.0.1"
    ]
    assert container["Config"]["Labels"]["org.kanoa.mlops.model"] == MODEL
    assert container["Config"]["Labels"]["org.kanoa.mlops.port"] == str(life.record["port"])
    assert "all slots are idle" in life.log


def test_nobody_is_the_administrator_there(begin: Begin, tool: Tool) -> None:
    life = begin()
    name = Box(tool, SERVER, MODEL).name

    def inside(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run((tool, "exec", name, *argv), capture_output=True, text=True)

    assert inside("id", "-u").stdout.strip() not in ("", "0")
    assert inside("cat", KEY).stdout == life.key
    assert inside("touch", "/app/x").returncode != 0
    assert inside("touch", KEY).returncode != 0
    assert inside("touch", "/tmp/x").returncode == 0
    status = inside("cat", "/proc/1/status").stdout
    assert "NoNewPrivs:\t1\n" in status
    assert "CapEff:\t0000000000000000\n" in status
    assert "CapBnd:\t0000000000000000\n" in status


def test_the_key_stays_with_its_owner(begin: Begin, tool: Tool) -> None:
    life = begin()
    assert (life.folder / f"{MODEL}.key").stat().st_mode & 0o777 == 0o600
    if os.getuid() == 0:
        assert (life.folder / "inner").stat().st_mode & 0o777 == 0o700
        assert (life.folder / "inner" / f"{MODEL}.key").stat().st_mode & 0o777 == 0o400
    life.end(signal.SIGINT)
    assert not list(life.folder.glob("inner/*"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_its_end_leaves_nothing(begin: Begin, tool: Tool, number: signal.Signals) -> None:
    life = begin()
    assert containers(tool) == [Box(tool, SERVER, MODEL).name]
    life.end(number)
    if number == signal.SIGINT:
        assert containers(tool) == []
    until(lambda: containers(tool) == [] and guards(life.home) == [])


def test_a_killed_guard_is_a_death_like_any_other(begin: Begin, tool: Tool) -> None:
    life = begin()
    os.kill(life.record["identity"]["pid"], signal.SIGKILL)
    life.until("down")
    life.until("ready")
    assert life.record["restarts"] == 1
    assert containers(tool) == [Box(tool, SERVER, MODEL).name]


def test_a_killed_container_is_a_death_like_any_other(begin: Begin, tool: Tool) -> None:
    life = begin()
    subprocess.run((tool, "kill", Box(tool, SERVER, MODEL).name), check=True, capture_output=True)
    life.until("down")
    if tool == "podman":  # which, answering as Docker, has forgotten a container before it tells how it ended
        assert "SIGKILL" in life.record["reason"]
    life.until("ready")
    assert life.record["restarts"] == 1


def test_one_that_was_left_over_makes_way(begin: Begin, tool: Tool, llama_image: str) -> None:
    left = (tool, "run", "--detach", "--name", Box(tool, SERVER, MODEL).name, "--pull", "never")
    entry = ("--entrypoint", "/bin/sleep", llama_image, "600")
    subprocess.run((*left, *entry), check=True, capture_output=True)
    life = begin()
    assert httpx.get(f"{life.url}/health").status_code == 200
