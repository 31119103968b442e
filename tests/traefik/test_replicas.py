"""Two real gateways behind Traefik: one leaves or dies, and clients see nothing of it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
import yaml
from aiohttp import web
from click.testing import CliRunner

from kanoa_mlops.cli.main import cli
from kanoa_mlops.runtime.ports import free_port
from tests.conftest import PROGRAM, wait_for_health
from tests.fakes.engine import FakeEngine, chunk
from tests.traefik.conftest import Authority, Stand, Standing

MODEL = "Hugging/Smol"
STREAMS = 20


@dataclass
class HoldingEngine(FakeEngine):
    """Begins what it is told to hold, and ends it when it is let go."""

    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.Response()  # its health
        if b"hold" not in await request.read():
            return await super()._handle(request)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(chunk("begun"))
        await self.go.wait()
        await response.write(chunk(" ended") + b"data: [DONE]\n\n")
        return response


@dataclass(frozen=True)
class Replica:
    url: str
    process: subprocess.Popen[bytes]

    async def running(self) -> int:
        """Requests for a model."""
        return await self._metric(r"kanoa_requests_in_flight\{.*\}")

    async def looks(self) -> int:
        """At its health."""
        return await self._metric(r'kanoa_requests_total\{.*route="/",.*\}')

    async def _metric(self, name: str) -> int:
        async with aiohttp.request("GET", f"{self.url}/metrics") as answer:
            found = re.findall(rf"^{name} (\S+)$", await answer.text(), re.MULTILINE)
        return sum(round(float(value)) for value in found)


@dataclass(frozen=True)
class Site:
    engine: HoldingEngine
    replicas: tuple[Replica, Replica]
    standing: Standing
    client: openai.AsyncOpenAI
    """That has a key, trusts Traefik's certificate, and asks everything once."""

    async def ask(self, text: str = "hi") -> str:
        answer = await self.client.chat.completions.create(model=MODEL, messages=_said(text))
        return answer.choices[0].message.content or ""

    async def stream(self, text: str) -> AsyncIterator[str]:
        pieces = await self.client.chat.completions.create(model=MODEL, messages=_said(text), stream=True)
        async for piece in pieces:
            yield piece.choices[0].delta.content or ""

    async def held(self) -> list[asyncio.Task[str]]:
        """Streams that have begun, on both replicas."""
        begun = asyncio.Semaphore(0)

        async def whole() -> str:
            pieces = []
            async for piece in self.stream("hold"):
                pieces.append(piece)
                begun.release()
            return "".join(pieces)

        tasks = [asyncio.create_task(whole()) for _ in range(STREAMS)]
        async with asyncio.timeout(60):
            for _ in tasks:
                await begun.acquire()
        counts = [await each.running() for each in self.replicas]
        assert sum(counts) == STREAMS
        assert min(counts) >= STREAMS // 4, "the load is shared"
        return tasks


@pytest.fixture
async def site(home: Path, authority: Authority, stand: Stand) -> AsyncIterator[Site]:
    os.environ["KANOA_MLOPS_DRAIN"] = "60"
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(HoldingEngine())
        config = home / "gateway.yaml"
        backend = {"model": MODEL, "url": engine.url, "engine": "vllm", "context": 4096}
        config.write_text(yaml.safe_dump({"backends": [backend]}))
        one, other = (_replica(config, home / f"{name}.log") for name in ("one", "other"))
        for each in (one, other):
            stack.callback(_end, each.process)
        for each in (one, other):
            await asyncio.to_thread(wait_for_health, each.url, each.process, home / "one.log")
        standing = await stand(one.url, other.url)
        key = CliRunner().invoke(cli, ["keys", "add", "anna"], catch_exceptions=False).stdout.strip()
        client = _client(standing, authority.context, key)
        yield Site(engine, (one, other), standing, await stack.enter_async_context(client))


async def test_a_replica_that_is_stopped_cuts_nothing_and_loses_nothing(site: Site) -> None:
    leaving, staying = site.replicas
    streams = await site.held()
    async with asyncio.timeout(30):
        while await leaving.looks() < 2:  # the first may have been ours
            await asyncio.sleep(0.1)
    leaving.process.send_signal(signal.SIGTERM)
    asked = 0

    async def ask_on() -> None:
        nonlocal asked
        while not _closed(leaving.url):
            assert await site.ask() == "The sales rise."
            asked += 1
            await asyncio.sleep(0.02)

    async with asyncio.timeout(60):
        await asyncio.gather(*(ask_on() for _ in range(4)))
    assert asked > STREAMS, "there was something to lose"
    assert [await site.ask() for _ in range(STREAMS)] == ["The sales rise."] * STREAMS
    assert not any(stream.done() for stream in streams)
    site.engine.go.set()
    assert await asyncio.gather(*streams) == ["begun ended"] * STREAMS
    assert await asyncio.to_thread(leaving.process.wait, 30) == 0
    assert staying.process.poll() is None


async def test_a_replica_that_is_killed_is_asked_no_more(site: Site) -> None:
    killed, _ = site.replicas
    # The one that stays is busy, so that the dead one always looks like the better.
    streams = await site.held()
    killed.process.kill()
    killed.process.wait()
    answers = await asyncio.gather(*(site.ask() for _ in range(STREAMS)))
    assert answers == ["The sales rise."] * STREAMS
    site.engine.go.set()
    ended = await asyncio.gather(*streams, return_exceptions=True)
    assert "begun ended" in ended
    assert any(isinstance(each, Exception) for each in ended), "what it was saying is lost, and seen to be"


async def test_clients_work_unchanged_and_hear_refusals_as_they_are(site: Site) -> None:
    await _works(site)
    for text in ["busy"] * STREAMS + ["too long", "unauthorized", "broken page", "error event first"]:
        behind, straight = await _refusal(site, site.standing.url, text), await _refusal(site, "", text)
        assert behind == straight, text
    # Were one thrown out for what it answered, the other would have them all.
    streams = await site.held()
    site.engine.go.set()
    assert await asyncio.gather(*streams) == ["begun ended"] * STREAMS


async def _works(site: Site) -> None:
    assert await site.ask() == "The sales rise."
    assert "".join([piece async for piece in site.stream("hi")]) == "The sales rise."
    assert [model.id async for model in site.client.models.list()] == [MODEL]
    assert (await site.client.models.retrieve(MODEL)).id == MODEL
    with pytest.raises(openai.NotFoundError, match="no-such-model"):
        await site.client.chat.completions.create(model="no-such-model", messages=_said("hi"))


async def _refusal(site: Site, url: str, text: str) -> tuple[int, bool, set[str], Any]:
    """Its status, whether its length is said, its headers but Traefik's, its error's code and source."""
    address = f"{url or site.replicas[0].url}/v1/chat/completions"
    body = {"model": MODEL, "messages": _said(text), "stream": text == "error event first"}
    headers = {"authorization": f"Bearer {site.client.api_key}"}
    async with site.standing.session.post(address, json=body, headers=headers) as answer:
        error = (await answer.json())["error"]
        names = {name.lower() for name in answer.headers} - {"x-content-type-options", "connection"}
        return answer.status, "content-length" in names, names, (error["code"], error["source"])


def _said(text: str) -> Iterable[Any]:
    return [{"role": "user", "content": text}]


def _client(standing: Standing, context: ssl.SSLContext, key: str) -> openai.AsyncOpenAI:
    http = openai.DefaultAsyncHttpxClient(verify=context)
    return openai.AsyncOpenAI(
        base_url=f"{standing.url}/v1", api_key=key, max_retries=0, timeout=60, http_client=http
    )


def _replica(config: Path, log: Path) -> Replica:
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PROGRAM, "gateway", "--config", config, "--port", str(port)], stdout=output, stderr=output
        )
    return Replica(f"http://127.0.0.1:{port}", process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _closed(url: str) -> bool:
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0
