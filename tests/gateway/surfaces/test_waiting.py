"""Models that are loaded first, engines that stall, clients that leave."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import openai
import pytest

from kanoa_mlops.errors import UserError
from kanoa_mlops.runtime.fleet.fleet import Fleet
from tests.fakes.engine import WORDS, FakeEngine
from tests.gateway.conftest import Door, OpenDoor, backend
from tests.gateway.test_holding import SOON, Sleeper
from tests.gateway.test_leaving import until

CHAT, RESPONSES = "/api/chat", "/v1/responses"


def asking(text: str) -> dict[str, dict[str, Any]]:
    return {
        CHAT: {"model": "tiny", "messages": [{"role": "user", "content": text}]},
        RESPONSES: {"model": "tiny", "input": text, "stream": True},
    }


def lines(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.splitlines()]


async def test_ollamas_client_hears_that_a_model_is_loaded(engine: FakeEngine, open_door: OpenDoor) -> None:
    model = Sleeper("smollm2")
    async with Fleet([model], lambda names: True) as fleet:
        door = await open_door(backend(engine.url, state="asleep", on_demand=True), loader=fleet, **SOON)
        async with door.session.post(door.url + CHAT, json=asking("hi")[CHAT]) as answer:
            waiting = json.loads(await answer.content.readline())
            assert (waiting["message"]["content"], waiting["done"]) == ("", False)
            model.may_load.set()
            rest = lines(await answer.content.read())
    assert "".join(line["message"]["content"] for line in rest) == "".join(WORDS)
    assert rest[-1]["load_duration"] >= 50_000_000  # nanoseconds; the first line came only after so long


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_a_model_that_cannot_be_loaded(engine: FakeEngine, open_door: OpenDoor, path: str) -> None:
    model = Sleeper("smollm2", fails=UserError("no room"))
    async with Fleet([model], lambda names: True) as fleet:
        door = await open_door(backend(engine.url, state="asleep", on_demand=True), loader=fleet, **SOON)
        async with door.session.post(door.url + path, json=asking("hi")[path]) as answer:
            assert answer.status == 200  # it waits
            await answer.content.readline()
            model.may_load.set()
            rest = await answer.content.read()
    if path == CHAT:
        assert "no room" in lines(rest)[-1]["error"]
    else:
        last = json.loads(rest.split(b"data: ")[-1])
        assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
        assert "no room" in last["response"]["error"]["message"]


async def test_an_engine_that_does_not_begin(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), first_byte_seconds=0.1)
    answer = await door.post(CHAT, asking("stall before headers")[CHAT])
    assert answer.status == 504
    assert "did not begin its answer" in json.loads(answer.text)["error"]


async def test_an_engine_that_says_nothing_more(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), idle_seconds=0.2)
    first, *_, last = lines((await door.post(CHAT, asking("stall mid-stream")[CHAT])).body)
    assert first["message"]["content"] == "The"
    assert "said nothing more" in last["error"]


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_who_leaves_ends_the_engines_work(door: Door, engine: FakeEngine, path: str) -> None:
    async with door.session.post(door.url + path, json=asking("talk forever")[path]) as answer:
        await answer.content.readline()
        assert engine.running == 1
    await until(lambda: not engine.running)
    assert engine.disconnects == 1


async def test_a_body_that_comes_compressed(door: Door) -> None:
    body = gzip.compress(json.dumps({"prompt": "hi", "stream": False}).encode())
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    answer = await door.ask("POST", "/api/generate", data=body, headers=headers)
    assert json.loads(answer.text)["response"] == "".join(WORDS)


async def test_a_gateway_that_stops_tells_both(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url))
    async with (
        door.session.post(door.url + CHAT, json=asking("talk forever")[CHAT]) as ours,
        openai.AsyncOpenAI(base_url=door.url, api_key="EMPTY", max_retries=0) as client,
    ):
        theirs = await client.responses.create(model="tiny", input="talk forever", stream=True)
        await ours.content.readline()
        await theirs.__anext__()
        stopping = asyncio.create_task(door.gateway.stop(0))
        assert "is stopping" in lines(await ours.content.read())[-1]["error"]
        assert [event.type async for event in theirs][-1] == "response.failed"
        await stopping
