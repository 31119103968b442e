"""A real gateway before engines that are killed and started at random, with books, keys and a provider."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from kanoa_mlops.gateway.books.key import KeyLimits, new_key
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.runtime.ports import free_port
from tests.fakes.provider import KEY, FakeProvider

TEXT, IMAGES = "text", "images"
"""The two pools."""
LIMITED_PER_MINUTE = 4
"""So few that also a slow machine asks more often."""
_ENGINES = ((TEXT, 4), (TEXT, 4), (IMAGES, 4), (IMAGES, 4))
_READY_SECONDS = 60.0
_LIVES = (1.0, 6.0)  # seconds between two kills
_REST = (0.2, 2.0)  # seconds until the engine is started again

_CONFIG = """\
queue: {{length: 64, seconds: 5}}
backends:
{backends}
burst:
  after: 0.2 s
  max_per_day: {dollars} $
  allowed:
    - base_url: {url}
      for: text
      name: openai/gpt-oss-120b:novita
      price: {{prompt: 0.05 $/Mtok, answer: 0.25 $/Mtok}}
      context: 8192 tokens
      key_file: provider.key
"""


@dataclass(frozen=True)
class Usage:
    """What the gateway's process takes."""

    rss_bytes: int
    sockets: int
    descriptors: int
    tasks: int


@dataclass
class Engine:
    """A process of its own, dead or alive."""

    id: str
    """By which the gateway knows it."""
    model: str
    slots: int
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = [sys.executable, "-m", "tests.fakes.engine", str(self.port)]
        self.process = subprocess.Popen(program, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@dataclass
class Scene:
    url: str
    keys: dict[str, str]
    """By who uses them."""
    provider: FakeProvider
    engines: Sequence[Engine]
    folder: Path
    process: subprocess.Popen[bytes]
    kills: int = 0

    async def usage(self) -> Usage:
        counted = self.folder / "tasks"
        counted.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(_READY_SECONDS):
            while not counted.exists():
                await asyncio.sleep(0.01)
        process = psutil.Process(self.process.pid)
        return Usage(
            process.memory_info().rss,
            len(process.net_connections("tcp")),
            process.num_fds(),
            int(counted.read_text(encoding="utf-8")),
        )

    async def start_engines(self) -> None:
        """Until the gateway knows that they answer."""
        for engine in self.engines:
            engine.start()
        async with asyncio.timeout(_READY_SECONDS), aiohttp.ClientSession() as session:
            while not await self._all_ready(session):
                await asyncio.sleep(0.05)

    async def harass(self, dice: random.Random) -> None:
        """Until cancelled; then all of them run."""
        try:
            while True:
                await asyncio.sleep(dice.uniform(*_LIVES))
                engine = dice.choice(self.engines)
                engine.kill()
                self.kills += 1
                await asyncio.sleep(dice.uniform(*_REST))
                engine.start()
        finally:
            for engine in self.engines:
                if not engine.process:
                    engine.start()

    async def _all_ready(self, session: aiohttp.ClientSession) -> bool:
        async with session.get(f"{self.url}/status") as answer:
            states = {each["id"]: each["state"] for each in (await answer.json())["backends"]}
        return all(states[each.id] == "ready" for each in self.engines)

    def booked(self, columns: str, where: str = "1") -> list[tuple[Any, ...]]:
        """Of the ledger."""
        with closing(sqlite3.connect(self.folder / "state" / "gateway.db")) as file:
            return file.execute(f"SELECT {columns} FROM entries WHERE {where}").fetchall()


@asynccontextmanager
async def a_scene(folder: Path, dollars: float) -> AsyncIterator[Scene]:
    """No engine runs yet.

    Args:
        dollars: what may be spent at the provider.
    """
    engines = [Engine(f"{model}-{number}", model, slots) for number, (model, slots) in enumerate(_ENGINES)]
    async with FakeProvider(seconds=0.2) as provider:
        _write_config(folder, engines, provider, dollars)
        keys = _make_keys(folder / "state")
        port = free_port()
        with (folder / "gateway.log").open("wb") as log:
            process = _start(folder, port, log.fileno())
        scene = Scene(f"http://127.0.0.1:{port}", keys, provider, engines, folder, process)
        try:
            await _ready(scene)
            yield scene
        finally:
            for engine in engines:
                engine.kill()
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, 30)
            process.kill()
            process.wait()


def _write_config(folder: Path, engines: Sequence[Engine], provider: FakeProvider, dollars: float) -> None:
    lines = [
        f"  - {{model: {each.model}, id: {each.id}, url: 'http://127.0.0.1:{each.port}', "
        f"engine: llama.cpp, context: 8192, parallel: {each.slots}, "
        f"sees: {'true' if each.model == IMAGES else 'false'}}}"
        for each in engines
    ]
    text = _CONFIG.format(backends="\n".join(lines), dollars=f"{dollars:.6f}", url=provider.url)
    (folder / "gateway.yaml").write_text(text, encoding="utf-8")
    (folder / "provider.key").write_text(KEY, encoding="utf-8")
    (folder / "provider.key").chmod(0o600)


def _make_keys(state: Path) -> dict[str, str]:
    state.mkdir()
    limits = {
        "whole": KeyLimits(may_burst=True),
        "stream": KeyLimits(may_burst=True),
        "image": KeyLimits(),
        "leaver": KeyLimits(),
        "limited": KeyLimits(requests_per_minute=LIMITED_PER_MINUTE),
    }
    with closing(SqliteStore(state / "gateway.db")) as store:
        made = {name: new_key(name, time.time(), limits=each) for name, each in limits.items()}
        for key, _ in made.values():
            store.add_key(key)
    return {name: text for name, (_, text) in made.items()}


def _start(folder: Path, port: int, log: int) -> subprocess.Popen[bytes]:
    own = {
        "KANOA_MLOPS_CONFIG": folder / "mlops.toml",
        "KANOA_MLOPS_CATALOG_DIR": folder / "catalog",
        "KANOA_MLOPS_CACHE_DIR": folder / "cache",
        "KANOA_MLOPS_STATE_DIR": folder / "state",
    }
    program = [sys.executable, "-m", "bench.gateway.counted_gateway", str(folder / "tasks"), "gateway"]
    return subprocess.Popen(
        [*program, "--config", str(folder / "gateway.yaml"), "--port", str(port)],
        env={**os.environ, **{name: str(path) for name, path in own.items()}},
        stdout=log,
        stderr=log,
    )


async def _ready(scene: Scene) -> None:
    async with asyncio.timeout(_READY_SECONDS), aiohttp.ClientSession() as session:
        while scene.process.poll() is None:
            with suppress(aiohttp.ClientError):
                async with session.get(scene.url):
                    return
            await asyncio.sleep(0.05)
    raise RuntimeError(f"the gateway ended: {(scene.folder / 'gateway.log').read_text()}")
