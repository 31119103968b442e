"""A client that leaves ends the engine's work at once; a gateway that stops ends its streams visibly."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress

import aiohttp
import pytest

from kanoa_mlops.gateway.app import make_app
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.server import start_gateway
from tests.fakes.engine import FakeEngine, chunk
from tests.gateway.conftest import Door, OpenDoor, backend, chat

CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("stream", [True, False])
async def test_leaving_before_the_first_byte(door: Door, engine: FakeEngine, stream: bool) -> None:
    asking = asyncio.create_task(door.chat("stall before headers", stream=stream))
    await until(lambda: engine.running == 1)
    asking.cancel()
    await until(lambda: engine.running == 0)
    assert engine.disconnects == 1


@pytest.mark.parametrize("doing", ["stall after headers", "stall mid-stream", "talk forever"])
async def test_leaving_a_stream(door: Door, engine: FakeEngine, doing: str) -> None:
    asking, flow = asyncio.create_task(door.chat(doing, stream=True)), door.app.traffic.of("smollm2")
    await until(lambda: engine.running == 1)
    await until(lambda: doing == "stall after headers" or flow.received_bytes > 0)
    asking.cancel()
    await until(lambda: engine.running == 0)
    assert engine.disconnects == 1
    metrics = (await door.get("/metrics")).text
    assert 'kanoa_client_disconnects_total{model="smollm2"} 1.0' in metrics
    assert 'kanoa_requests_in_flight{model="smollm2"} 0.0' in metrics


async def test_a_client_that_reads_nothing_is_dropped(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), idle_seconds=0.3)
    raw = _connected(door)
    raw.sendall(_request(chat("flood", stream=True)))
    await until(lambda: engine.running == 1)
    await until(lambda: engine.running == 0)
    raw.close()


async def test_an_upload_that_stops_is_given_up(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), idle_seconds=0.2)
    raw = _connected(door)
    raw.sendall(_request(chat("hi"))[:-5])
    raw.settimeout(60)
    answer = await asyncio.to_thread(raw.recv, 65536)
    raw.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert engine.received == []


async def test_a_stop_lets_short_answers_finish(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url))
    async with door.session.post(door.url + CHAT, json=chat("at length", stream=True)) as streaming:
        assert await streaming.content.readuntil(b"\n\n")
        stop = asyncio.create_task(door.gateway.stop(grace_seconds=60))
        await until(lambda: door.app.in_flight.stopping)
        text = (await streaming.content.read()).decode()
    assert text.endswith("data: [DONE]\n\n")
    await stop


async def test_a_stop_ends_long_streams_with_an_error(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url))
    asked = chat("talk forever", stream=True)
    async with door.session.post(door.url + CHAT, json=asked) as streaming:
        assert await streaming.content.readuntil(b"\n\n") == chunk(" and")
        waiting = asyncio.create_task(door.chat("stall before headers"))
        await until(lambda: engine.running == 2)
        await door.gateway.stop(grace_seconds=0.1)
        text = (await streaming.content.read()).decode()
    stopped = {
        "message": "The gateway is stopping; this answer is incomplete or was not begun.",
        "type": "server_error",
        "param": None,
        "code": "gateway_stopping",
        "source": "gateway",
    }
    assert text.endswith(f"data: {json.dumps({'error': stopped})}\n\n")
    assert (await waiting).status == 503
    assert json.loads((await waiting).text) == {"error": stopped}
    await until(lambda: engine.running == 0)


async def test_nothing_new_is_taken_while_stopping(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url))
    assert (await door.get("/")).status == 200  # leaves a connection that is kept alive
    asking = asyncio.create_task(door.chat("talk forever", stream=True))
    await until(lambda: engine.running == 1)
    stop = asyncio.create_task(door.gateway.stop(grace_seconds=60))
    await until(lambda: door.app.in_flight.stopping)
    with suppress(aiohttp.ClientConnectorError):
        answer = await door.get("/")
        assert (answer.status, answer.headers["connection"]) == (503, "close")
    asking.cancel()
    await stop


async def test_a_taken_port_is_an_os_error(door: Door) -> None:
    app = make_app(Backends(), figures=None, max_body_bytes=1, version="1.2.3")
    with pytest.raises(OSError, match="address already in use"):
        await start_gateway(app, "127.0.0.1", door.gateway.port)


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Whatever the machine is busy with besides: the time is for what never comes to pass."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def _connected(door: Door) -> socket.socket:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", door.gateway.port))
    return raw


def _request(body: object) -> bytes:
    raw = json.dumps(body).encode()
    return f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw
