"""Whatever bytes come on a connection: an answer, a 4xx or its end; and others are served meanwhile."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door, OpenDoor, backend

CHAT = b'{"messages": [{"role": "user", "content": "hi"}]}'
STREAM = b'{"stream": true, "messages": [{"role": "user", "content": "hi"}]}'
BODIES = [
    CHAT, STREAM, b"", b"{", b"null", b"\xff\xfe", b"\x00" * 9, b'{"messages": "\\ud800"}', b"[" * 5000,
    b'{"model": "\\ud83d", "messages": [{}]}', b'{"messages": [{"role": "user", "content": "\\udfff"}]}',
    b'{"messages": [{"content": 1e999}], "max_tokens": ' + b"9" * 400 + b"}",
]  # fmt: skip
METHODS = [b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"PRI",
           b"get", b"", b"G\x00T", b"M-SEARCH", b"\xc3\xa9"]  # fmt: skip
TARGETS = [
    b"/", b"/health", b"/metrics", b"/v1/models", b"/v1/models/a%2Fb%ff", b"/v1/models/%00", b"/api/tags",
    b"/v1/chat/completions", b"/api/chat", b"/v1/responses", b"/openapi.json", b"*", b"",
    b"//", b"/%", b"/a b",
    b"http://localhost/health", b"http://[::1", b"localhost:80", b"/\xff", b"/?" + b"q" * 300, b"/../../etc",
]  # fmt: skip
VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/", b"http/1.1", b""]
HEADERS = [
    b"Host: localhost", b"Host: evil.example", b"Host: [", b"Host:", b"Origin: http://[", b"Origin: null",
    b"Content-Length: 0", b"Content-Length: 49", b"Content-Length: 3", b"Content-Length: -1",
    b"Content-Length: 99999999999999999999", b"Content-Length: 9999999", b"Content-Length: 4, 4",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: xchunked",
    b"Content-Encoding: gzip", b"Content-Encoding: br", b"Content-Encoding: \xff", b"Connection: close",
    b"Connection: keep-alive", b"Connection: upgrade", b"Upgrade: websocket", b"Upgrade: h2c",
    b"Expect: 100-continue", b"Expect: a miracle", b"X-Request-Id: \xff\x80", b"X-Kanoa-Burst: maybe",
    b"X-Kanoa-Notice: 3", b"X-Kanoa-Notice: " + b"9" * 500, b"X-Kanoa-Figure: read", b"Accept: \xff",
    b"Authorization: Bearer \xff", b"Authorization", b": empty", b" folded: x", b"A : b", b"N\x00: b",
    b"X: \x00", b"X: a\rb", b"X: " + b"x" * 9000, b"Cookie: " + b"c" * 40_000, b"a:" * 3,
]  # fmt: skip
CHUNKS = [
    b"31\r\n" + CHAT + b"\r\n", b"0\r\n\r\n", b"0\r\nX: trailer\r\n\r\n", b"ffffffffffffffff\r\n", b"-1\r\n",
    b"7fffffffffffffff\r\nx", b"3;ext=\"a\"\r\nabc\r\n", b"3\nabc\n", b"zz\r\n", b"", b"5\r\nabc\r\n",
    b"1f8b\r\n\x1f\x8b\x08\x00",
]  # fmt: skip
ENDS = [b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""]

requests = st.builds(
    lambda method, target, version, end, headers, bodies: (
        b" ".join([method, target, version]) + end + b"".join(each + end for each in headers) + end + bodies
    ),
    st.sampled_from(METHODS) | st.sampled_from([b"GET", b"POST"]),
    st.sampled_from(TARGETS),
    st.sampled_from(VERSIONS) | st.just(b"HTTP/1.1"),
    st.sampled_from(ENDS),
    st.lists(st.sampled_from(HEADERS), max_size=5).map(lambda more: [b"Host: localhost", *more]),
    st.sampled_from(BODIES) | st.lists(st.sampled_from(CHUNKS), max_size=4).map(b"".join),
)
good = st.sampled_from(
    [
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
        % (len(CHAT), CHAT),
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"31\r\n%b\r\n0\r\n\r\n" % CHAT,
    ]
)
mutated = st.builds(
    lambda request, at, bytes_: request[: at % len(request)] + bytes_ + request[at % len(request) + 1 :],
    good | requests,
    st.integers(0, 2**16),
    st.binary(max_size=3),
)
conversations = st.lists(good | requests | mutated | st.binary(max_size=40), min_size=1, max_size=4).map(
    b"".join
)
cuts = st.lists(st.floats(0, 1), max_size=3)
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@pytest.fixture
async def impatient(open_door: OpenDoor, engine: FakeEngine) -> Door:
    engine.always = "answer"
    return await open_door(backend(engine.url), idle_seconds=0.2, max_body_bytes=10**6)


@given(conversation=conversations, where=cuts)
@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_bytes(impatient: Door, conversation: bytes, where: list[float]) -> None:
    """In pieces, and half closed after them: the server comes to an end of its own."""
    places = sorted({0, len(conversation), *(int(each * len(conversation)) for each in where)})
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient.gateway.port)
    answer = b""
    with suppress(ConnectionError):
        for start, end in pairwise(places):
            writer.write(conversation[start:end])
            await writer.drain()
            await asyncio.sleep(0)
        with suppress(TimeoutError):  # whatever it has to say first
            async with asyncio.timeout(0.05):
                while more := await reader.read(2**16):
                    answer += more
        writer.write_eof()
        async with asyncio.timeout(30):
            answer += await reader.read()
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()
    statuses = [int(each) for each in STATUS.findall(answer)]
    assert all(status in (100, 200, 501) or 400 <= status < 500 for status in statuses), answer
    assert answer == b"" or answer.startswith(b"HTTP/1.1 "), answer


async def test_others_are_served_meanwhile(impatient: Door) -> None:
    """Connections that stand half way, as many as they are."""
    begun = [
        b"",
        b"GET /he",
        b"\r\n" * 99,
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n{",
    ]
    open_ones = []
    for number in range(50):
        _, writer = await asyncio.open_connection("127.0.0.1", impatient.gateway.port)
        writer.write(begun[number % len(begun)])
        open_ones.append(writer)
    assert (await impatient.chat("hi")).status == 200
    for writer in open_ones:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
    assert (await impatient.get("/health")).status == 200
