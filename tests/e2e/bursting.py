"""A real gateway before two real engines, one request each, and a provider that keeps books of its own."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.conftest import MODEL, PROGRAM
from tests.fakes import provider as hub
from tests.fakes.provider import FakeProvider

PRICES = {"prompt": f"{hub.PROMPT_PRICE / 1000} $/Mtok", "answer": f"{hub.ANSWER_PRICE / 1000} $/Mtok"}
NAME = "openai/gpt-oss-120b:novita"
# More than a real engine writes while a test runs; it is stopped by leaving.
ENDLESS = {"max_tokens": 7_500, "ignore_eos": True, "stream": True}


@dataclass(frozen=True)
class Told:
    """An answer, or why there is none."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def tier(self) -> str:
        return self.headers.get("x-kanoa-tier", "")

    @property
    def queue_ms(self) -> float:
        return float(self.headers["x-kanoa-queue-ms"])

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


@dataclass
class Scene:
    """Wants its gateway or server to run at `port` already."""

    port: int
    provider: FakeProvider
    session: aiohttp.ClientSession
    log: Path
    _held: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def ask(self, burst: str = "allow", **fields: Any) -> Told:
        asked = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2, **fields}
        headers = {"x-kanoa-burst": burst}
        async with self.session.post(f"{self._url}/v1/chat/completions", json=asked, headers=headers) as got:
            told = {name.lower(): value for name, value in got.headers.items()}
            return Told(got.status, told, await got.json())

    @asynccontextmanager
    async def stream(self, burst: str = "allow", **fields: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """One that has begun."""
        asked = {
            "model": MODEL,
            "messages": [{"role": "user", "content": "Count."}],
            "stream": True,
            **fields,
        }
        headers = {"x-kanoa-burst": burst}
        async with self.session.post(f"{self._url}/v1/chat/completions", json=asked, headers=headers) as got:
            assert got.status == 200, await got.text()
            while not (await got.content.readline()).startswith(b"data:"):
                pass
            yield got

    async def saturate(self, engines: int) -> list[str]:
        """Every slot of them taken, until `relieve`. The tiers that the streams run at."""
        streams = [
            await self._held.enter_async_context(self.stream("never", **ENDLESS)) for _ in range(engines)
        ]
        return [each.headers["x-kanoa-tier"] for each in streams]

    async def relieve(self) -> None:
        await self._held.aclose()

    async def backends(self) -> dict[str, dict[str, Any]]:
        """What `/status` says of each."""
        async with self.session.get(f"{self._url}/status") as got:
            return {each["id"]: each for each in (await got.json())["backends"]}

    async def queued(self) -> int:
        async with self.session.get(f"{self._url}/status") as got:
            return int((await got.json())["queued"][MODEL])

    async def hosted(self) -> dict[str, Any]:
        """What `usage` says of the provider, once all that it answered is booked."""

        async def booked() -> dict[str, Any]:
            printed = await run("usage", "--by", "tier", "--json")
            rows = {each["label"]: each for each in json.loads(printed)["rows"]}
            found: dict[str, Any] = rows.get("hosted", {"requests": 0})
            return found

        await until(lambda: booked_all(booked, len(self.provider.answered)))
        return await booked()

    @property
    def charged_micro(self) -> int:
        """What the provider charged, each answer rounded up to a micro-dollar."""
        return sum(
            math.ceil(
                (each["prompt_tokens"] * hub.PROMPT_PRICE + each["completion_tokens"] * hub.ANSWER_PRICE)
                / 1000
            )
            for each in self.provider.answered
        )

    def counted(self, name: str) -> int:
        """Tokens by the provider's own count."""
        return sum(each[name] for each in self.provider.answered)

    async def logged(self, words: str) -> str:
        """The first line of the log that has these words."""
        await until(lambda: words in self.log.read_text())
        return next(line for line in self.log.read_text().splitlines() if words in line)

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


async def booked_all(booked: Callable[[], Any], answers: int) -> bool:
    return bool((await booked())["requests"] >= answers)


async def run(*arguments: str) -> str:
    """One command of the program, in this test's environment; what it prints."""
    words: list[str | Path] = [PROGRAM, *arguments]
    done = await asyncio.to_thread(lambda: subprocess.run(words, capture_output=True, text=True, timeout=120))
    assert done.returncode == 0, done.stderr
    return done.stdout


async def until(condition: Callable[[], Any], seconds: float = 90) -> None:
    """The condition may be awaitable."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.05)


def entry(provider: FakeProvider, key_file: Path, **changes: Any) -> dict[str, Any]:
    """The provider, as a `burst:` section allows it."""
    if not key_file.exists():
        key_file.write_text(hub.KEY)
        key_file.chmod(0o600)
    return {
        "base_url": provider.url,
        "id": "hub",
        "for": MODEL,
        "name": NAME,
        "price": PRICES,
        "context": 8192,
        "max_per_day": "1 $",
        "key_file": str(key_file),
        **changes,
    }
