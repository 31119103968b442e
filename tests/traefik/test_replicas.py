"""Two real gateways behind Traefik: one leaves or dies, and clients see nothing of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml
from click.testing import CliRunner

from kanoa_mlops.cli.main import cli
from tests.conftest import wait_for_health
from tests.traefik.conftest import Authority, Stand, Standing
from tests.traefik.replica import MODEL, HoldingEngine, Replica, client_of, said

OTHER = "Hugging/Other"
STREAMS = 20


@dataclass(frozen=True)
class Site:
    engine: HoldingEngine
    replicas: tuple[Replica, Replica]
    standing: Standing
    client: openai.AsyncOpenAI
    """That has a key, trusts Traefik's certificate, and asks everything once."""

    @property
    def one(self) -> Replica:
        return self.replicas[0]

    async def ask(self, text: str = "hi") -> str:
        answer = await self.client.chat.completions.create(model=MODEL, messages=said(text))
        return answer.choices[0].message.content or ""

    async def stream(self, text: str) -> AsyncIterator[str]:
        pieces = await self.client.chat.completions.create(model=MODEL, messages=said(text), stream=True)
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
        config.write_text(yaml.safe_dump({"backends": [engine.backend, engine.backend | {"model": OTHER}]}))
        # Before they start: of one that is made later they hear within a second.
        key = CliRunner().invoke(cli, ["keys", "add", "anna"], catch_exceptions=False).stdout.strip()
        one, other = (Replica.start(config, home / f"{name}.log") for name in ("one", "other"))
        for each in (one, other):
            stack.callback(each.kill)
        for each in (one, other):
            await asyncio.to_thread(wait_for_health, each.url, each.process, each.log)
        standing = await stand(one.url, other.url)
        client = client_of(standing, authority.context, key)
        yield Site(engine, (one, other), standing, await stack.enter_async_context(client))


async def test_a_replica_that_is_stopped_cuts_nothing_and_loses_nothing(site: Site) -> None:
    leaving, staying = site.replicas
    streams = await site.held()
    await leaving.watched()
    leaving.process.send_signal(signal.SIGTERM)
    asked = 0

    async def ask_on() -> None:
        nonlocal asked
        while not leaving.is_closed:
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
    killed.kill()
    answers = await asyncio.gather(*(site.ask() for _ in range(STREAMS)))
    assert answers == ["The sales rise."] * STREAMS
    site.engine.go.set()
    ended = await asyncio.gather(*streams, return_exceptions=True)
    assert "begun ended" in ended
    assert any(isinstance(each, Exception) for each in ended), "what it was saying is lost, and seen to be"


async def test_clients_work_unchanged_and_hear_refusals_as_they_are(site: Site) -> None:
    await _works(site)
    for text in ["broken page"] * STREAMS + ["too long", "error event first"]:
        behind, straight = [await _refusal(site, url, text) for url in (site.standing.url, site.one.url)]
        assert behind == straight, text
    # What refuses the gateway's own key is asked no more, and each gateway has to learn that.
    learned = [await _refusal(site, each.url, "unauthorized", OTHER) for each in site.replicas]
    assert [status for status, *_ in learned] == [502, 502]
    straight = await _refusal(site, site.one.url, "hi", OTHER)
    assert straight[0] == 503
    for _ in range(STREAMS):
        assert await _refusal(site, site.standing.url, "hi", OTHER) == straight
    # Were one thrown out for what it answered, the other would have them all.
    streams = await site.held()
    site.engine.go.set()
    assert await asyncio.gather(*streams) == ["begun ended"] * STREAMS


async def _works(site: Site) -> None:
    assert await site.ask() == "The sales rise."
    assert "".join([piece async for piece in site.stream("hi")]) == "The sales rise."
    assert [model.id async for model in site.client.models.list()] == [MODEL, OTHER]
    assert (await site.client.models.retrieve(MODEL)).id == MODEL
    with pytest.raises(openai.NotFoundError, match="no-such-model"):
        await site.client.chat.completions.create(model="no-such-model", messages=said("hi"))


async def _refusal(site: Site, url: str, text: str, model: str = MODEL) -> tuple[int, bool, set[str], Any]:
    """Its status, whether its length is said, its headers but Traefik's, its error's code and source."""
    address = f"{url}/v1/chat/completions"
    body = {"model": model, "messages": said(text), "stream": text == "error event first"}
    headers = {"authorization": f"Bearer {site.client.api_key}"}
    async with site.standing.session.post(address, json=body, headers=headers) as answer:
        error = (await answer.json())["error"]
        names = {name.lower() for name in answer.headers} - {"x-content-type-options", "connection"}
        return answer.status, "content-length" in names, names, (error["code"], error["source"])
