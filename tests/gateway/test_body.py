"""Bodies beyond the bound: refused before they are read, in a way that clients can still see."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import openai
import psutil
import pytest

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door, OpenDoor, backend, chat

MEGABYTE = 10**6


@pytest.fixture
async def small_door(engine: FakeEngine, open_door: OpenDoor) -> Door:
    return await open_door(backend(engine.url), max_body_bytes=MEGABYTE)


async def test_the_largest_body_and_one_byte_more(small_door: Door) -> None:
    body = json.dumps(chat("hi", padding="")).encode()
    fitting = body.replace(b'"padding": ""', b'"padding": "' + b"x" * (MEGABYTE - len(body)) + b'"')
    path = "/v1/chat/completions"
    assert (await small_door.post(path, data=fitting)).status == 200
    answer = await small_door.post(path, data=fitting + b" ")
    assert answer.status == 413
    assert json.loads(answer.text)["error"] == {
        "message": "The request is larger than 1,000,000 bytes, the most this gateway takes. "
        "Send a smaller image or fewer rows, or raise max_body_bytes (KANOA_MLOPS_MAX_BODY).",
        "type": "invalid_request_error",
        "param": None,
        "code": "request_too_large",
        "source": "gateway",
    }


async def test_chunked_body_beyond_the_bound(small_door: Door) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 100_000

    answer = await small_door.post("/v1/chat/completions", data=pieces())
    assert answer.status == 413


async def test_the_openai_client_sees_the_refusal(small_door: Door) -> None:
    client = openai.AsyncOpenAI(base_url=f"{small_door.url}/v1", api_key="EMPTY", max_retries=0)
    async with client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(
                model="smollm2", messages=[{"role": "user", "content": "x" * 40 * MEGABYTE}]
            )
    assert caught.value.status_code == 413


async def test_300_megabytes_are_refused_and_not_kept(small_door: Door) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    status, growth = await asyncio.to_thread(_upload, small_door.gateway.port, 300, process, before)
    assert status.startswith(b"HTTP/1.1 413 ")
    assert growth < 50 * MEGABYTE


async def test_a_client_that_asks_before_it_sends_is_told_at_once(small_door: Door) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    with socket.create_connection(("127.0.0.1", small_door.gateway.port), timeout=60) as raw:
        raw.sendall(head + b"Content-Length: 300000000\r\n\r\n")
        assert (await asyncio.to_thread(raw.recv, 4096)).startswith(b"HTTP/1.1 413 ")
    body = json.dumps(chat("hi")).encode()
    with socket.create_connection(("127.0.0.1", small_door.gateway.port), timeout=60) as raw:
        raw.sendall(head + f"Content-Length: {len(body)}\r\n\r\n".encode())
        assert await asyncio.to_thread(raw.recv, 4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(body)
        assert (await asyncio.to_thread(raw.recv, 4096)).startswith(b"HTTP/1.1 200 ")


def _upload(port: int, megabytes: int, process: psutil.Process, before: int) -> tuple[bytes, int]:
    """The status line, and by how many bytes this process, the gateway in it, grew at most."""
    piece, growth = b" " * MEGABYTE, 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
        length = megabytes * MEGABYTE
        raw.sendall(
            f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        for _ in range(megabytes):
            raw.sendall(piece)
            growth = max(growth, process.memory_info().rss - before)
        return raw.recv(4096).splitlines()[0], growth
