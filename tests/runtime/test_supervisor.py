"""The supervisor with small engines that misbehave on purpose."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.errors import EngineDied
from kanoa_mlops.runtime.key import write_key
from kanoa_mlops.runtime.state import EngineRecord
from kanoa_mlops.runtime.supervisor import Supervisor

# Healthy after `delay` seconds; dies when its standard input closes, as every engine of ours must.
ENGINE = """
import http.server, os, sys, threading, time
port, delay = int(sys.argv[1]), float(sys.argv[2])
ready_at = time.monotonic() + delay
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() > ready_at else 503)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *args): pass
def leash():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=leash, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", port), Health).serve_forever()
"""


class Watched:
    """A supervisor with all that it told."""

    def __init__(self, tmp_path: Path, code: str, *arguments: str) -> None:
        self.told: list[EngineRecord] = []
        self.log = tmp_path / "engine.log"
        key_file = tmp_path / "engine.key"
        write_key(key_file)

        def make_launch(port: int) -> Launch:
            return Launch((sys.executable, "-c", code, str(port), *arguments), port, "/health", key_file)

        record = EngineRecord("tiny", "q4_1", "llama.cpp", "loading", 8192, 4, 2**20)
        self.supervisor = Supervisor(make_launch, record, self.log, self.told.append)

    @property
    def pid(self) -> int:
        identity = self.told[-1].identity
        assert identity is not None
        return identity.pid


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def running(watched: Watched, then: Callable[[], Awaitable[None]]) -> None:
    task = asyncio.create_task(watched.supervisor.run())
    try:
        await asyncio.wait_for(watched.supervisor.ready.wait(), 60)
        await then()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_tells_loading_then_ready_and_leaves_nothing(tmp_path: Path) -> None:
    watched = Watched(tmp_path, ENGINE, "0.3")
    pids = []

    async def then() -> None:
        pids.append(watched.pid)

    await running(watched, then)
    assert [each.state for each in watched.told] == ["loading", "ready"]
    assert not psutil.pid_exists(pids[0])


async def test_a_killed_engine_is_started_again(tmp_path: Path) -> None:
    watched = Watched(tmp_path, ENGINE, "0")

    async def then() -> None:
        first = watched.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: watched.told[-1].state == "ready" and watched.pid != first)

    await running(watched, then)
    assert [each.state for each in watched.told] == ["loading", "ready", "down", "down", "loading", "ready"]
    assert "killed (SIGKILL)" in watched.told[2].reason
    assert watched.told[-1].restarts == 1


async def test_a_killed_guard_leaves_nothing_of_an_engine_in_parts(tmp_path: Path) -> None:
    part = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    )
    watched = Watched(tmp_path, part + ENGINE, "0")

    async def then() -> None:
        first = psutil.Process(watched.pid)
        parts = first.children(recursive=True)
        assert len(parts) == 2
        first.kill()
        await until(lambda: watched.told[-1].state == "ready" and watched.pid != first.pid)
        assert not any(map(lives, parts))

    await running(watched, then)


async def test_one_that_never_starts_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    watched = Watched(
        tmp_path, "print('E error loading model: invalid magic characters'); raise SystemExit(1)"
    )
    with pytest.raises(EngineDied) as caught:
        await watched.supervisor.run()
    assert caught.value.message == "The engine of tiny did not start: the weights file is damaged."
    assert "  E error loading model: invalid magic characters" in caught.value.hint
    assert "kanoa-mlops pull tiny" in caught.value.hint
    assert watched.told[-1].state == "down"


async def test_one_that_ignores_being_asked_is_made_to_end(tmp_path: Path) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + ENGINE.replace(
        "os._exit(0)", "pass"
    )
    watched = Watched(tmp_path, stubborn, "0")
    pids = []

    async def then() -> None:
        pids.append(watched.pid)

    await running(watched, then)
    assert not psutil.pid_exists(pids[0])


def test_the_key_is_for_this_user_alone(tmp_path: Path) -> None:
    key = write_key(tmp_path / "engine.key")
    assert (tmp_path / "engine.key").stat().st_mode & 0o777 == 0o600
    assert len(key) >= 32
    assert write_key(tmp_path / "engine.key") != key
