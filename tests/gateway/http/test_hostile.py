"""Connections that want to do harm: refused or closed, and nothing of them is kept or waited for."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable, Iterator
from contextlib import suppress

import psutil
import pytest

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door, OpenDoor, backend

PIECE = b"x" * 100_000
MANY = 300
"""Pieces: 30 MB."""
MEGABYTE = 10**6
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def repeated(begin: bytes, piece: bytes, times: int = MANY) -> Iterator[bytes]:
    yield begin
    for _ in range(times):
        yield piece


async def sent(door: Door, pieces: Iterable[bytes], seconds: float = 60) -> bytes:
    """What came back until the server closed, or the client's patience ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.gateway.port)
    answer = b""

    async def send() -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()

    sending = asyncio.create_task(send())
    with suppress(ConnectionError):
        async with asyncio.timeout(seconds):
            while more := await reader.read(2**16):
                answer += more
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await dropped(writer)
    return answer


async def dropped(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /health HTTP/1.1\r\nX: ",
        b"GET /health HTTP/1.1\r\n",
        b"GET /",
        CHUNKED + b"\r\n0\r\nX: ",
        CHUNKED + b"\r\n1;",
    ],
    ids=["header", "header's name", "address", "trailer", "chunk's extension"],
)
async def test_what_never_ends_is_not_gathered(door: Door, begin: bytes) -> None:
    before = psutil.Process().memory_info().rss
    answer = await sent(door, repeated(begin, PIECE))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert psutil.Process().memory_info().rss - before < 20 * MEGABYTE
    assert (await door.get("/health")).status == 200


async def test_requests_sent_ahead_are_taken_up_to_a_number(door: Door) -> None:
    before = psutil.Process().memory_info().rss
    ahead = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await sent(door, repeated(b"", ahead * 2000, 50))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") <= 65
    assert b"HTTP/1.1 4" not in answer
    assert psutil.Process().memory_info().rss - before < 20 * MEGABYTE
    few = await sent(door, [ahead * 60 + ahead.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")])
    assert few.count(b"HTTP/1.1 200 OK\r\n") == 61


async def test_requests_sent_ahead_while_nothing_is_read(door: Door) -> None:
    """Who takes no answers is read from no further."""
    _, writer = await asyncio.open_connection("127.0.0.1", door.gateway.port, limit=1024)
    before = psutil.Process().memory_info().rss
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20_000)
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(1):
            await writer.drain()
    assert (await door.get("/health")).status == 200
    assert psutil.Process().memory_info().rss - before < 20 * MEGABYTE
    await dropped(writer)


@pytest.mark.parametrize("kind", ["bomb", "trailing", "empty blocks"])
async def test_compressed_bodies_that_are_not_what_they_seem(door: Door, kind: str) -> None:
    head = CHUNKED + b"Connection: close\r\nContent-Encoding: gzip\r\n\r\n"
    if kind == "bomb":
        pieces: Iterable[bytes] = [head, chunk(gzip.compress(b" " * 200 * MEGABYTE, 1)), b"0\r\n\r\n"]
    elif kind == "trailing":
        pieces = repeated(head + chunk(gzip.compress(b"{}")), chunk(PIECE))
    else:
        begun = gzip.compress(b"")[:10]  # the header alone; then blocks that hold nothing
        pieces = repeated(head + chunk(begun), chunk(b"\x00\x00\x00\xff\xff" * 20_000))
    before = psutil.Process().memory_info().rss
    answer = await sent(door, pieces)
    assert answer[:13] in (b"HTTP/1.1 413 ", b"HTTP/1.1 400 ", b"")  # closed while it still sent
    assert psutil.Process().memory_info().rss - before < 60 * MEGABYTE


@pytest.mark.parametrize(
    "origin", ["http://[", "http://[::1", "https://", "http://a:b:c", "null", "http://\xff"]
)
async def test_an_origin_that_is_no_address_is_refused(door: Door, origin: str) -> None:
    request = f"GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nConnection: close\r\n\r\n"
    answer = await sent(door, [request.encode("latin-1")])
    assert answer.startswith(b"HTTP/1.1 403 ")


async def test_an_address_without_a_path_is_the_root(door: Door) -> None:
    request = b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert (await sent(door, [request])).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("depth", [900, 980, 990, 1000, 1020, 1100, 100_000])
async def test_deep_nesting(engine: FakeEngine, open_door: OpenDoor, depth: int) -> None:
    """Read, it may still be too deep to be written again under the engine's name for the model."""
    door = await open_door(backend(engine.url), backend(engine.url, id="other"))
    nest = "[" * depth + "]" * depth
    for where in (
        f'"messages": [{{"role": "user", "content": "hi"}}], "x": {nest}',
        f'"messages": [{{"role": "user", "content": [{{"type": "text", "text": {nest}}}]}}]',
        f'"messages": [{{"role": "user", "content": [{{"image_url": {{"url": {nest}}}}}]}}]',
    ):
        body = f'{{"model": "tiny", "model": "tiny", {where}}}'
        answer = await door.post("/v1/chat/completions", data=body.encode())
        assert answer.status in (200, 400), answer.text
