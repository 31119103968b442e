"""What clients may do on a connection, byte for byte."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Collection

import pytest

from kanoa_mlops.gateway.http import listening
from kanoa_mlops.gateway.http.request import ClientLeft, Receive, Request, Scope
from kanoa_mlops.gateway.http.response import Response, Send
from kanoa_mlops.gateway.http.visit import Visit

Ask = Callable[[bytes], Awaitable[bytes]]
_SECONDS = 60


class Echo:
    """Answers with what it was sent; in pieces at /stream, before it has read anything at /hasty."""

    def __init__(self) -> None:
        self.staying = asyncio.Event()
        self.left = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        if request.path == "/hasty":
            await request.answer(Response(413, b"too much"), {})
            return
        body = b""
        while piece := await request.piece():
            body += piece
        if request.path == "/stays":
            try:
                async with request.staying():
                    self.staying.set()
                    await self.go_on.wait()
            except ClientLeft:
                self.left.set()
                return
        if request.path == "/stream":
            stream = await request.stream({"content-type": "text/plain"})
            for piece in (b"one", b"two", body):
                await stream.write(piece)
            await stream.finish()
        else:
            told = {"x-path": request.path, "x-method": request.method}
            await request.answer(Response(200, body, told), {})


@pytest.fixture
async def echo() -> Echo:
    return Echo()


@pytest.fixture
async def port(echo: Echo) -> AsyncIterator[int]:
    async with asyncio.timeout(_SECONDS):
        server = await listening.listen(echo, "127.0.0.1", 0)
        yield server.port
        server.close()
        await server.leave(5)


@pytest.fixture
def ask(port: int) -> Ask:
    async def ask(request: bytes) -> bytes:
        """All that comes until the server closes, without the date."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return b"\r\n".join(line for line in answer.split(b"\r\n") if not line.startswith(b"date: "))

    return ask


CLOSE = b"Connection: close\r\n"


async def test_a_body_of_known_length(ask: Ask) -> None:
    answer = await ask(b"POST /a%20b?c=d HTTP/1.1\r\n" + CLOSE + b"Content-Length: 5\r\n\r\nhello")
    assert answer == (
        b"HTTP/1.1 200 OK\r\nx-path: /a b\r\nx-method: POST\r\ncontent-length: 5\r\n"
        b"connection: close\r\n\r\nhello"
    )


async def test_a_body_in_chunks_with_a_trailer(ask: Ask) -> None:
    body = b"3\r\nhel\r\n2;why=not\r\nlo\r\n0\r\nX-Sum: 5\r\n\r\n"
    answer = await ask(b"POST / HTTP/1.1\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert answer.endswith(b"\r\n\r\nhello")


async def test_an_answer_in_pieces(ask: Ask) -> None:
    answer = await ask(b"POST /stream HTTP/1.1\r\n" + CLOSE + b"Content-Length: 0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


async def test_http_1_0_knows_no_chunks(ask: Ask) -> None:
    answer = await ask(b"POST /stream HTTP/1.0\r\nContent-Length: 3\r\n\r\nend")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"onetwoend"


async def test_a_head_alone(ask: Ask) -> None:
    answer = await ask(b"HEAD / HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert answer.endswith(b"content-length: 0\r\nconnection: close\r\n\r\n")
    answer = await ask(b"HEAD /stream HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert b"one" not in answer


async def test_requests_sent_at_once_are_answered_in_turn(ask: Ask) -> None:
    first = b"POST /stream HTTP/1.1\r\nContent-Length: 1\r\n\r\n1"
    second = b"POST /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\n2"
    answer = await ask(first + second + b"GET /3 HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.index(b"1\r\n1\r\n0\r\n\r\n") < answer.index(b"x-path: /2") < answer.index(b"x-path: /3")


async def test_a_client_that_waits_for_leave_to_send(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"ok")
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()


async def test_what_was_not_wanted_is_not_taken_for_the_next_request(ask: Ask) -> None:
    unwanted = b"POST /hasty HTTP/1.1\r\nContent-Length: 25\r\n\r\nGET /trick HTTP/1.1\r\n\r\n..."
    assert len(unwanted.partition(b"\r\n\r\n")[2]) == 26
    answer = await ask(unwanted[:-1] + b"GET /next HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 413 Request Entity Too Large\r\n")
    assert b"x-path: /next" in answer
    assert b"trick" not in answer


@pytest.mark.parametrize(
    "nonsense",
    [
        b"what?\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"CONNECT somewhere:443 HTTP/1.1\r\n\r\n",
    ],
    ids=["no HTTP", "header", "path", "two lengths", "length and chunks", "no chunk", "connect"],
)
async def test_what_is_no_request_is_refused(ask: Ask, nonsense: bytes) -> None:
    answer = await ask(nonsense)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\nInvalid HTTP request received.")


async def test_another_protocol_is_not_spoken(ask: Ask) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    answer = await ask(
        b"POST / HTTP/1.1\r\n" + upgrade + b"Content-Length: 2\r\n\r\nok" + b"PRI * HTTP/2.0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.count(b"HTTP/1.1") == 1


async def test_who_leaves_ends_what_was_done_for_them(port: int, echo: Echo) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /stays HTTP/1.1\r\n\r\n")
    await writer.drain()
    writer.transport.abort()
    await echo.left.wait()


async def test_who_stays_is_answered(ask: Ask, echo: Echo) -> None:
    echo.go_on.set()
    assert b"x-path: /stays" in await ask(b"GET /stays HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert not echo.left.is_set()


async def test_nothing_asked_for_long_closes(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_KEEP_ALIVE_SECONDS", 0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()


async def test_a_large_body_waits_for_its_reader(ask: Ask) -> None:
    body = bytes(range(256)) * 8192
    answer = await ask(b"POST / HTTP/1.1\r\n" + CLOSE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert answer.endswith(b"\r\n\r\n" + body)


async def test_one_that_is_over_is_not_left_to_the_collector(port: int, echo: Echo) -> None:
    """It comes by so seldom that the next thousand connections would stand beside those that are gone.

    One that is left stays for ever here, and the limit of time of `port` ends the wait for it.
    """
    gc.collect()
    before = _visits()  # those that tests before this one have kept alive, in an error that they still know
    gc.disable()
    try:
        for path in (b"/", b"/stays"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST " + path + b" HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
            await (echo.staying.wait() if path == b"/stays" else reader.readuntil(b"\r\n\r\nx"))
            assert len(_visits(but=before)) == 1
            writer.close()
            while _visits(but=before):
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


def _visits(but: Collection[Visit] = ()) -> list[Visit]:
    return [each for each in gc.get_objects() if isinstance(each, Visit) and each not in but]
