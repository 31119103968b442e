"""Several backends behind one name: who takes a request, who waits, and what is tried elsewhere."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.line import Terms
from tests.fakes.engine import WORDS, FakeEngine
from tests.gateway.conftest import Answer, Door, OpenDoor, backend, chat
from tests.gateway.test_leaving import until
from tests.gateway.test_metrics import samples

CHAT = "/v1/chat/completions"
ANSWER = "".join(WORDS)


@pytest.fixture
async def other() -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as running:
        yield running


def second(url: str, **changes: Any) -> Backend:
    return backend(url, **{"id": "second", "tier": "lan", "aliases": ()} | changes)


def said(answer: Answer) -> str:
    return str(json.loads(answer.text)["choices"][0]["message"]["content"])


def code(answer: Answer) -> str:
    return str(json.loads(answer.text)["error"]["code"])


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("busy", "503"),
        ("cut before headers", "cut"),
        ("cut after headers", "cut"),
        ("", "connect"),
    ],
)
async def test_what_fails_before_its_first_byte_is_answered_by_another(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor, fault: str, reason: str, stream: bool
) -> None:
    engine.always = fault
    first = engine.url if fault else f"http://127.0.0.1:{free_port()}"
    door = await open_door(backend(first), second(other.url))
    answer = await door.chat("hi", stream=stream)
    assert answer.status == 200
    told = [answer.headers[f"x-kanoa-{name}"] for name in ("backend", "tier", "attempts")]
    assert told == ["second", "lan", "2"]
    assert len(other.received) == 1
    found = await samples(door)
    assert found[f'kanoa_retries_total{{reason="{reason}"}}'] == 1
    assert found['kanoa_requests_in_flight{model="smollm2"}'] == 0


@pytest.mark.parametrize("fault", ["unauthorized", "broken page"])
async def test_a_fault_of_request_or_key_is_not_tried_elsewhere(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor, fault: str
) -> None:
    engine.always = fault
    door = await open_door(backend(engine.url), second(other.url))
    await door.chat("hi")
    assert other.received == []


async def test_after_the_first_byte_nothing_is_tried_again(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    engine.always = "cut mid-event"
    door = await open_door(backend(engine.url), second(other.url))
    answer = await door.chat("hi", stream=True)
    assert "engine_stream_cut" in answer.text
    assert other.received == []


async def test_alone_it_is_told_as_it_was(engine: FakeEngine, open_door: OpenDoor) -> None:
    engine.always = "busy"
    door = await open_door(backend(engine.url))
    answer = await door.chat("hi")
    assert (answer.status, len(engine.received)) == (503, 1)


async def test_a_prompt_too_long_for_one_goes_to_one_with_more_room(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    engine.always = "too long"
    small = await open_door(backend(engine.url), second(other.url, context_tokens=1024))
    assert code(await small.chat("hi")) == "context_length_exceeded"
    large = await open_door(backend(engine.url), second(other.url, context_tokens=10**6))
    assert said(await large.chat("hi")) == ANSWER
    assert (await samples(large))['kanoa_retries_total{reason="context"}'] == 1


async def test_a_port_that_is_dead_is_not_asked_again_at_once(other: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(f"http://127.0.0.1:{free_port()}"), second(other.url))
    attempts = [(await door.chat("hi")).headers["x-kanoa-attempts"] for _ in range(3)]
    assert attempts == ["2", "1", "1"]
    [first, _] = json.loads((await door.get("/status")).text)["backends"]
    assert (first["state"], first["reason"]) == ("down", "not reached")


class Crowd:
    """Requests that keep an engine busy for as long as the test wants."""

    def __init__(self, door: Door, engine: FakeEngine) -> None:
        self._door, self._engine = door, engine
        self.tasks: list[asyncio.Task[Answer]] = []

    async def hold(self, count: int = 1) -> None:
        self.tasks += [
            asyncio.create_task(self._door.chat("talk forever", stream=True)) for _ in range(count)
        ]
        await until(lambda: self._engine.running == len(self.tasks))

    async def go(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []


async def test_slots_are_filled_the_nearest_first(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url, slots=2), second(other.url, slots=1))
    async with AsyncExitStack() as stack:
        crowd = Crowd(door, engine)
        stack.push_async_callback(crowd.go)
        await crowd.hold(2)
        answer = await door.chat("hi")
        assert answer.headers["x-kanoa-backend"] == "second"
        status = json.loads((await door.get("/status")).text)
        assert [each["in_flight"] for each in status["backends"]] == [2, 0]


async def test_who_waits_is_told_its_place_and_goes_when_there_is_room(
    engine: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url, slots=1), silent_seconds=0.05, heartbeat_seconds=0.05)
    crowd = Crowd(door, engine)
    await crowd.hold()
    whole = asyncio.create_task(door.chat("hi"))
    await until(lambda: door.queued == 1)
    async with door.session.post(door.url + CHAT, json=chat("hi", stream=True)) as raw:
        assert await raw.content.readuntil(b"\n\n") == b": queued, position 2\n\n"
        assert engine.running == 1
        await crowd.go()
        rest = await raw.content.read()
        assert b"queued, position 1" in rest or b": queued" not in rest
        assert rest.endswith(b"data: [DONE]\n\n")
    answer = await whole
    assert said(answer) == ANSWER
    assert int(answer.headers["x-kanoa-queue-ms"]) > 0
    assert (await samples(door))['kanoa_queue_length{model="smollm2"}'] == 0


async def test_who_leaves_the_line_leaves_no_gap(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url, slots=1))
    crowd = Crowd(door, engine)
    await crowd.hold()
    leaving, staying = (asyncio.create_task(door.chat("hi", stream=stream)) for stream in (True, False))
    await until(lambda: door.queued == 2)
    leaving.cancel()
    await until(lambda: door.queued == 1)
    await crowd.go()
    assert said(await staying) == ANSWER
    assert said(await door.chat("hi")) == ANSWER


async def test_a_line_has_an_end(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url, slots=1), terms=Terms(queue_length=1))
    crowd = Crowd(door, engine)
    await crowd.hold()
    waiting = asyncio.create_task(door.chat("hi"))
    await until(lambda: door.queued == 1)
    refused = await door.chat("hi")
    assert (refused.status, code(refused)) == (429, "queue_full")
    assert int(refused.headers["retry-after"]) >= 1
    await crowd.go()
    assert said(await waiting) == ANSWER
    assert (await samples(door))['kanoa_rejected_total{reason="queue_full"}'] == 1


async def test_nobody_waits_in_it_for_ever(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url, slots=1), terms=Terms(queue_seconds=0.3))
    crowd = Crowd(door, engine)
    await crowd.hold()
    late = await door.chat("hi")
    assert (late.status, code(late)) == (429, "queue_timeout")
    await crowd.go()
    assert (await samples(door))['kanoa_rejected_total{reason="queue_timeout"}'] == 1


async def test_prompts_that_begin_alike_go_where_they_were_seen(
    engine: FakeEngine, other: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), second(other.url, tier="local"))
    for topic in range(12):
        messages = [{"role": "system", "content": f"{topic} " * 100}, {"role": "user", "content": "hi"}]
        took = {
            (await door.post(CHAT, {"model": "smollm2", "messages": messages})).headers["x-kanoa-backend"]
            for _ in range(3)
        }
        assert len(took) == 1
    assert engine.received
    assert other.received


def test_a_name_means_the_nearest_and_a_pool_is_told_once() -> None:
    served = Backends(
        [
            backend("http://127.0.0.1:1", id="far", tier="lan"),
            backend("http://127.0.0.1:2", state="down"),
            backend("http://127.0.0.1:3", id="third", model="qwen-vl", aliases=(), sees=True, reasons=True),
        ]
    )
    assert [each.id for each in served.pool("smollm2")] == ["smollm2", "far"]
    assert [each.id for each in served.models()] == ["far", "third"]
    meant = {name: served.find(name) for name in ("TINY", "default", "vision", "reasoning", "gpt")}
    assert {name: each and each.model for name, each in meant.items()} == {
        "TINY": "smollm2",
        "default": "smollm2",
        "vision": "qwen-vl",
        "reasoning": "qwen-vl",
        "gpt": None,
    }
