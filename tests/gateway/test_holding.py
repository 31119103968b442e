"""A request for a model that is asleep is held until it is loaded, by the fleet itself, and kept alive."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from kanoa_mlops.errors import EngineDied, UserError
from kanoa_mlops.runtime.fleet.fleet import Fleet
from tests.fakes.engine import WORDS, FakeEngine, chunk
from tests.gateway.conftest import Door, OpenDoor, backend, chat
from tests.gateway.test_leaving import until

CHAT = "/v1/chat/completions"
ANSWER = "".join(WORDS)
SOON: dict[str, Any] = {"silent_seconds": 0.05, "heartbeat_seconds": 0.05}


@dataclass
class Sleeper:
    """An engine that is loaded when the test lets it."""

    name: str
    may_load: asyncio.Event = field(default_factory=asyncio.Event)
    fails: Exception | None = None
    loads: int = 0

    async def run(self, ready: Callable[[], None]) -> None:
        self.loads += 1
        await self.may_load.wait()
        if self.fails:
            raise self.fails
        ready()
        await asyncio.Event().wait()


@dataclass(frozen=True)
class House:
    """A gateway with two models on demand, of which one fits at a time."""

    door: Door
    model: Sleeper
    other: Sleeper
    fleet: Fleet
    client: openai.AsyncOpenAI

    def waiting(self, model: str) -> int:
        """Requests that wait for it to be loaded."""
        return len(self.fleet._seats[model].waiters)

    async def ask(self, text: str = "hi", model: str = "smollm2") -> ChatCompletion:
        return await self.client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}]
        )

    async def stream(self, text: str = "hi") -> openai.AsyncStream[ChatCompletionChunk]:
        return await self.client.chat.completions.create(
            model="smollm2", messages=[{"role": "user", "content": text}], stream=True
        )


@pytest.fixture
async def house(engine: FakeEngine, open_door: OpenDoor) -> AsyncIterator[House]:
    model, other = Sleeper("smollm2"), Sleeper("other")
    async with AsyncExitStack() as stack:
        fleet = await stack.enter_async_context(Fleet([model, other], lambda names: len(names) <= 1))
        on_demand: dict[str, Any] = {"state": "asleep", "on_demand": True}
        door = await open_door(
            backend(engine.url, **on_demand),
            backend(engine.url, model="other", aliases=(), **on_demand),
            loader=fleet,
            **SOON,
        )
        client = openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0)
        yield House(door, model, other, fleet, await stack.enter_async_context(client))


async def whole(stream: openai.AsyncStream[ChatCompletionChunk]) -> str:
    return "".join([each.choices[0].delta.content or "" async for each in stream])


async def test_a_whole_answer_comes_once_the_model_is_loaded(house: House, engine: FakeEngine) -> None:
    asking = asyncio.create_task(house.ask())
    await until(lambda: house.model.loads == 1)
    await asyncio.sleep(0.2)
    assert not asking.done()
    assert engine.received == []
    house.model.may_load.set()
    assert (await asking).choices[0].message.content == ANSWER
    assert (await house.ask()).choices[0].message.content == ANSWER
    assert house.model.loads == 1


async def test_a_stream_has_comments_while_it_waits_and_the_client_sees_none(house: House) -> None:
    async with house.door.session.post(house.door.url + CHAT, json=chat("hi", stream=True)) as raw:
        assert raw.status == 200
        assert raw.content_type == "text/event-stream"
        streaming = asyncio.create_task(house.stream())
        for _ in range(3):
            assert await raw.content.readuntil(b"\n\n") == b": loading smollm2\n\n"
        assert (await streaming).response.status_code == 200  # before there is an engine
        house.model.may_load.set()
        rest = await raw.content.read()
    answered = b": answered by smollm2, local\n\n" + b"".join(map(chunk, WORDS)) + b"data: [DONE]\n\n"
    assert rest.replace(b": loading smollm2\n\n", b"") == answered
    assert await whole(await streaming) == ANSWER


async def test_the_comments_say_what_is_waited_for(house: House) -> None:
    first = asyncio.create_task(house.ask(model="other"))
    await until(lambda: house.other.loads == 1)
    async with house.door.session.post(house.door.url + CHAT, json=chat("hi", stream=True)) as raw:
        waits = b": smollm2 waits for its turn\n\n"
        assert await raw.content.readuntil(b"\n\n") == waits
        house.other.may_load.set()
        while (comment := await raw.content.readuntil(b"\n\n")) == waits:
            pass
        assert comment == b": loading smollm2\n\n"
        house.model.may_load.set()
        assert (await raw.content.read()).endswith(b"data: [DONE]\n\n")
    await first


async def test_a_model_loaded_at_once_leaves_no_comment(house: House) -> None:
    house.model.may_load.set()
    answer = await house.door.chat("hi", stream=True)
    assert answer.text.startswith(chunk(WORDS[0]).decode())


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_goes_away_leaves_the_queue(house: House, stream: bool) -> None:
    began = time.monotonic()
    first = asyncio.create_task(house.ask(model="other"))
    await until(lambda: house.other.loads == 1)
    leaving = asyncio.create_task(house.door.chat("hi", stream=stream))
    await until(lambda: house.waiting("smollm2") == 1)
    leaving.cancel()
    left = 'kanoa_client_disconnects_total{model="smollm2"} 1.0'
    async with asyncio.timeout(30):
        while left not in (await house.door.get("/metrics")).text:
            await asyncio.sleep(0.01)
    house.other.may_load.set()
    await first
    await asyncio.sleep(time.monotonic() - began + 0.1)  # `other` lingers for as long as it took to load
    async with asyncio.timeout(30):
        await house.ask(model="other")
    assert (house.model.loads, house.other.loads) == (0, 1)


async def test_leaving_while_it_loads_holds_nothing(house: House) -> None:
    leaving = asyncio.create_task(house.stream())
    await until(lambda: house.model.loads == 1)
    (await leaving).response.raise_for_status()
    await (await leaving).close()
    house.other.may_load.set()
    house.model.may_load.set()
    assert (await house.ask(model="other")).choices[0].message.content == ANSWER
    assert house.model.loads == 1


@pytest.mark.parametrize("error", [EngineDied("smollm2 did not start."), UserError("Accept the licence.")])
async def test_a_failed_load_is_an_http_error(house: House, error: Exception) -> None:
    house.model.fails = error
    house.model.may_load.set()
    for asked in (house.ask(), house.stream()):
        with pytest.raises(openai.InternalServerError, match=str(error)) as raised:
            await asked
        assert raised.value.status_code == 503
        assert raised.value.code == "model_not_loaded"
        assert raised.value.response.headers["retry-after"] == "10"
        assert raised.value.response.headers["x-kanoa-error-source"] == "gateway"


async def test_a_load_that_fails_after_comments_ends_the_stream_with_the_error(house: House) -> None:
    house.model.fails = UserError("Accept the licence.")
    stream = await house.stream()
    house.model.may_load.set()
    with pytest.raises(openai.APIError, match="Accept the licence") as raised:
        await whole(stream)
    assert raised.value.code == "model_not_loaded"


@pytest.mark.parametrize("doing", ["cut before headers", "cut after headers", "cut mid-json"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_engine_that_dies_before_its_answer_is_asked_again(
    house: House, engine: FakeEngine, doing: str, stream: bool
) -> None:
    house.model.may_load.set()
    engine.always = doing
    asking = asyncio.create_task(house.door.chat("hi", stream=stream))
    await until(lambda: len(engine.received) == 1)
    engine.always = ""
    answer = await asking
    assert answer.status == 200
    assert answer.text.endswith("data: [DONE]\n\n") if stream else ANSWER in answer.text
    assert len(engine.received) == 2


async def test_an_engine_that_always_dies_is_told(house: House, engine: FakeEngine) -> None:
    house.model.may_load.set()
    with pytest.raises(openai.InternalServerError, match="ended before it answered") as raised:
        await house.ask("cut before headers")
    assert raised.value.code == "engine_ended"
    assert len(engine.received) == 3


async def test_what_has_begun_is_not_asked_again(house: House, engine: FakeEngine) -> None:
    house.model.may_load.set()
    answer = await house.door.chat("cut between events", stream=True)
    assert '"code": "engine_stream_cut"' in answer.text
    assert len(engine.received) == 1


async def test_a_gateway_that_stops_tells_those_it_holds(house: House) -> None:
    whole_answer = asyncio.create_task(house.door.chat("hi"))
    await until(lambda: house.waiting("smollm2") == 1)
    async with house.door.session.post(house.door.url + CHAT, json=chat("hi", stream=True)) as raw:
        await raw.content.readuntil(b"\n\n")
        await house.door.gateway.stop(grace_seconds=0.1)
        assert '"code": "gateway_stopping"' in (await raw.content.read()).decode()
    assert (await whole_answer).status == 503
    assert json.loads((await whole_answer).text)["error"]["code"] == "gateway_stopping"


async def test_how_long_it_was_held_is_measured(house: House) -> None:
    house.model.may_load.set()
    await house.ask()
    metrics = (await house.door.get("/metrics")).text
    assert 'kanoa_load_wait_seconds_count{model="smollm2"} 1.0' in metrics


async def test_asleep_is_no_fault(house: House) -> None:
    answer = await house.door.get("/health")
    assert answer.status == 200
    assert json.loads(answer.text)["models"]["smollm2"]["reason"] == ""
