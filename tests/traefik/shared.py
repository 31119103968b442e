"""Two gateways before one set of books, a Postgres or a file of their machine, and Traefik before both."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import Any

import openai
import psycopg
import yaml
from click.testing import CliRunner

from kanoa_mlops.cli.books import open_store
from kanoa_mlops.cli.main import cli
from kanoa_mlops.gateway.books.totals import Dimension, Total
from kanoa_mlops.settings import load_settings
from tests.conftest import wait_for_health
from tests.fakes import provider as hub
from tests.fakes.provider import FakeProvider
from tests.postgres import Postgres
from tests.traefik.conftest import Authority, Stand, Standing
from tests.traefik.replica import MODEL, HoldingEngine, Replica, client_of, said

_HOSTED = "openai/gpt-oss-120b:novita"
_BEYOND = {"x-kanoa-burst": "require"}
MOST_TOKENS = 100
"""Of an answer beyond."""


@dataclass(frozen=True)
class Asker:
    """Somebody with a key, who goes through Traefik with OpenAI's client."""

    client: openai.AsyncOpenAI

    async def ask(self, text: str = "hi") -> str:
        answer = await self.client.chat.completions.create(model=MODEL, messages=said(text))
        return answer.choices[0].message.content or ""

    async def ask_beyond(self) -> str:
        """For money."""
        answer = await self.client.chat.completions.create(
            model=MODEL, messages=said("hi"), max_tokens=MOST_TOKENS, extra_headers=_BEYOND
        )
        return answer.choices[0].message.content or ""

    async def most(self) -> float:
        """What such an answer costs at most, in micro-dollars, as the gateway says where it streams one."""
        answer = await self.client.chat.completions.with_raw_response.create(
            model=MODEL, messages=said("hi"), max_tokens=MOST_TOKENS, extra_headers=_BEYOND, stream=True
        )
        async for _ in answer.parse():
            pass
        return float(answer.headers["x-kanoa-cost-usd-at-most"]) * 1e6

    async def hold(self, count: int) -> list[asyncio.Task[str]]:
        """Streams that have all begun, and end when the engine is let go."""
        begun = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(self._held(begun)) for _ in range(count)]
        for _ in tasks:
            await asyncio.wait_for(begun.acquire(), 60)
        return tasks

    async def _held(self, begun: asyncio.Semaphore) -> str:
        pieces = []
        stream = await self.client.chat.completions.create(model=MODEL, messages=said("hold"), stream=True)
        async for piece in stream:
            pieces.append(piece.choices[0].delta.content or "")
            begun.release()
        return "".join(pieces)


@dataclass(frozen=True)
class Site:
    """What a test has in hand."""

    engine: HoldingEngine
    provider: FakeProvider
    standing: Standing
    replicas: tuple[Replica, Replica]
    machines: tuple[Mapping[str, str], Mapping[str, str]]
    """What is set for each: folders of its own and the one database, or the one folder."""
    context: SSLContext
    stack: AsyncExitStack = field(repr=False)

    def run(self, machine: Mapping[str, str], *arguments: str) -> str:
        """A command of ours, as it is typed there; gives what it printed."""
        done = CliRunner().invoke(cli, arguments, env=dict(machine), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    async def asker(self, name: str, *limits: str) -> Asker:
        """Whose key was made on one machine, and is known to both gateways."""
        key = self.run(self.machines[0], "keys", "add", name, *limits)
        # One that was made later is known: of this one nothing is used up by asking.
        later = self.run(self.machines[0], "keys", "add", f"after-{name}")
        for each in self.replicas:
            await until(partial(self.knows, each, later))
        return Asker(await self.stack.enter_async_context(client_of(self.standing, self.context, key)))

    async def knows(self, replica: Replica, key: str) -> bool:
        """Asked as Traefik would: on loopback alone a gateway takes anybody for its owner."""
        headers = {"authorization": f"Bearer {key}", "x-forwarded-for": "192.0.2.1"}
        address = f"{replica.url}/v1/chat/completions"
        async with self.standing.session.post(address, json={}, headers=headers) as answer:
            assert answer.status in (400, 401), await answer.text()
            return answer.status == 400

    def booked(self, by: Dimension, name: str = "") -> Total:
        """What is in the database under a tier, or under the key of this name."""
        with closing(open_store(load_settings({**os.environ, **self.machines[1]}))) as store:
            names = {key.id: key.name for key in store.all_keys()}
            for total in store.totals([by], 0, time.time() + 60):
                if names.get(total.group[0], total.group[0]) == name:
                    return total
        return Total((name,), 0, 0, 0, 0, 0, 0)


@asynccontextmanager
async def two_gateways(
    home: Path, authority: Authority, stand: Stand, postgres: Postgres | None
) -> AsyncIterator[Site]:
    """
    Args:
        postgres: where the books are; None for a file of both.
    """
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres.database()) if postgres else ""
        engine = await stack.enter_async_context(HoldingEngine())
        provider = await stack.enter_async_context(FakeProvider())
        config = _config(home, engine, provider)
        one, other = (_machine(home / name, database, postgres) for name in ("one", "other"))
        if not database:
            other = one
        replicas = (
            Replica.start(config, home / "one.log", one),
            Replica.start(config, home / "other.log", other),
        )
        for each in replicas:
            stack.callback(each.kill)
        for each in replicas:
            await asyncio.to_thread(wait_for_health, each.url, each.process, each.log)
        standing = await stand(*(each.url for each in replicas))
        yield Site(engine, provider, standing, replicas, (one, other), authority.context, stack)
        engine.go.set()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def outcomes(asked: Iterable[Awaitable[str]]) -> tuple[list[str], list[openai.APIStatusError]]:
    """What was answered, and what was refused, of those asked at the same time."""
    ended = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in ended if isinstance(each, openai.APIStatusError)]
    answered = [each for each in ended if isinstance(each, str)]
    assert len(answered) + len(refused) == len(ended), ended
    return answered, refused


def _config(home: Path, engine: HoldingEngine, provider: FakeProvider) -> Path:
    key = home / "provider.key"
    key.touch(mode=0o600)
    key.write_text(hub.KEY)
    beyond: dict[str, Any] = {
        "base_url": provider.url,
        "id": "provider",
        "for": MODEL,
        "name": _HOSTED,
        "price": {
            "prompt": f"{hub.PROMPT_PRICE / 1000} $/Mtok",
            "answer": f"{hub.ANSWER_PRICE / 1000} $/Mtok",
        },
        "context": 131_072,
        "max_per_day": "1 $",
        "key_file": str(key),
    }
    config = home / "gateway.yaml"
    config.write_text(yaml.safe_dump({"backends": [engine.backend], "burst": {"allowed": [beyond]}}))
    return config


def _machine(folder: Path, database: str, postgres: Postgres | None) -> Mapping[str, str]:
    """The password is in a file, as it would be."""
    folder.mkdir()
    machine = {
        "KANOA_MLOPS_CONFIG": str(folder / "mlops.toml"),
        "KANOA_MLOPS_STATE_DIR": str(folder / "state"),
        "KANOA_MLOPS_DRAIN": "60",
    }
    if postgres is None:
        return machine
    word = folder / "password"
    word.touch(mode=0o600)
    word.write_text(postgres.password)
    address = psycopg.conninfo.conninfo_to_dict(database)
    url = f"postgresql://{address['user']}@127.0.0.1:{address['port']}/{address['dbname']}"
    return {
        **machine,
        "KANOA_MLOPS_BOOKS": url,
        "KANOA_MLOPS_BOOKS_PASSWORD_FILE": str(word),
    }
