"""Connections to engines, by what a server really sends."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from unittest.mock import AsyncMock

import pytest

from kanoa_mlops.gateway.http.client import Broken, Client, Unreachable
from kanoa_mlops.gateway.http.connection import Connection, request_head
from kanoa_mlops.runtime.ports import free_port

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Who: me\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


@dataclass
class Server:
    """Sends the same bytes for every request, and keeps or closes the connection."""

    answer: bytes
    keeps: bool = True
    connections: int = 0
    open: int = 0
    requests: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/x?y=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                found = re.search(rb"content-length: (\d+)", head)
                length = int(found[1]) if found else 0
                self.requests.append(head + await reader.readexactly(length))
                writer.write(self.answer)
                await writer.drain()
                if not self.keeps:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.open -= 1


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Client]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=2**24)
    server.port = listening.sockets[0].getsockname()[1]
    client = Client("test")
    async with listening:
        yield client
        client.close()
        while server.open:
            await asyncio.sleep(0.01)


async def read(client: Client, server: Server, **asked: object) -> bytes:
    async with client.ask("POST", server.url, **asked) as answer:  # type: ignore[arg-type]
        body = b""
        while chunk := await answer.chunk():
            body += chunk
        return body


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (WHOLE, b"hello"),
        (CHUNKED, b"hello world"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_answers_of_every_length(answer: bytes, body: bytes) -> None:
    server = Server(answer)
    async with serving(server) as client:
        assert await read(client, server, body=b"{}", headers={"x-a": "b"}) == body
    assert server.requests == [
        b"POST /v1/x?y=1 HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nuser-agent: test\r\naccept-encoding: identity\r\n"
        b"connection: close\r\nx-a: b\r\ncontent-length: 2\r\n\r\n{}" % server.port
    ]


async def test_one_that_ends_with_its_connection() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\n\r\nhello", keeps=False)
    async with serving(server) as client:
        assert await read(client, server) == b"hello"


async def test_a_connection_is_kept_where_that_is_wanted() -> None:
    server = Server(WHOLE)
    async with serving(server) as client:
        for _ in range(3):
            assert await read(client, server, keep=True) == b"hello"
        assert server.connections == 1
        for _ in range(2):
            await read(client, server)
        assert server.connections == 2  # the kept one serves, and is not kept again


async def test_one_that_was_closed_meanwhile_is_replaced() -> None:
    server = Server(WHOLE, keeps=False)
    async with serving(server) as client:
        for _ in range(3):
            assert await read(client, server, keep=True) == b"hello"
        assert len(server.requests) == 3


async def test_a_cut_is_told_and_never_taken_for_an_end() -> None:
    for cut in (WHOLE[:-2], CHUNKED[:-9], CHUNKED[:-5]):
        server = Server(cut, keeps=False)
        async with serving(server) as client:
            with pytest.raises(Broken):
                await read(client, server)


@pytest.mark.parametrize("nonsense", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_what_is_no_answer_is_told(nonsense: bytes) -> None:
    server = Server(nonsense, keeps=False)
    async with serving(server) as client:
        with pytest.raises(Broken):
            await read(client, server)


@pytest.mark.parametrize(
    "begin",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 2**20,
        b"X: y\r\n" * 2**17,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 2**15,
    ],
    ids=["header", "headers", "words on the way"],
)
async def test_an_answer_that_never_begins_is_not_gathered(begin: bytes) -> None:
    server = Server(begin if begin.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n" + begin)
    async with serving(server) as client:
        with pytest.raises(Broken):
            await read(client, server)


async def test_nobody_there() -> None:
    # Without the address, which asyncio adds: what is said goes on to clients.
    with pytest.raises(Unreachable, match=r"^connection refused$"):
        async with Client("test").ask("GET", f"http://127.0.0.1:{free_port()}/"):
            pass


async def test_a_name_that_is_not_known_is_not_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    # As a Mac says it, where 8 is also the system's number of another error.
    error = socket.gaierror(8, "nodename nor servname provided, or not known")
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", AsyncMock(side_effect=error))
    with pytest.raises(Unreachable, match=r"^nodename nor servname provided, or not known$"):
        async with Client("test").ask("GET", "http://nobody.invalid/"):
            pass


@pytest.mark.parametrize(
    ("closes", "told"), [(True, "the connection was closed"), (False, "no connection within 0.5 s")]
)
async def test_one_that_does_not_greet(closes: bool, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kanoa_mlops.gateway.http.way._CONNECT_SECONDS", 60 if closes else 0.5)

    async def greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096) and not closes:
            pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        gone.set()

    gone = asyncio.Event()
    async with await asyncio.start_server(greeted, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match=f"^{re.escape(told)}$"):
            async with Client("test").ask("GET", f"https://127.0.0.1:{port}/"):
                pass
        async with asyncio.timeout(30):
            await gone.wait()


async def test_a_name_with_several_addresses_is_told_once_and_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    both = [
        (family, socket.SOCK_STREAM, 6, "", (address, port))
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2"))
    ]
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", AsyncMock(return_value=both))
    with pytest.raises(Unreachable, match=r"^connection refused$"):
        async with Client("test").ask("GET", f"http://localhost:{port}/"):
            pass


async def test_leaving_before_the_end_drops_the_connection() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
    async with serving(server) as client:
        async with client.ask("POST", server.url, keep=True) as answer:
            assert await answer.chunk() == b"hello"
        async with client.ask("POST", server.url, keep=True) as answer:
            assert await answer.chunk() == b"hello"
        assert server.connections == 2


async def test_a_large_body_goes_out_whole_and_a_large_answer_waits_for_its_reader() -> None:
    size = 20 * 1024**2
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    async with serving(server) as client:
        async with client.ask("POST", server.url, body=b"y" * size) as answer:
            await asyncio.sleep(0.2)
            first = await answer.chunk()
            assert len(first) < 2 * 1024**2, "it was taken in although nobody read it"
            rest = 0
            while chunk := await answer.chunk():
                rest += len(chunk)
        assert len(first) + rest == size
        assert server.requests[0].endswith(b"\r\n\r\n" + b"y" * size)


async def test_one_who_leaves_while_sending_leaves_no_connection() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        gone.set_result(await _until_end(reader))
        writer.close()

    asked = asyncio.Event()
    gone: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    listening = await asyncio.start_server(never, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    async with listening:
        asking = asyncio.create_task(_ask(Client("test"), url))
        async with asyncio.timeout(30):
            await asked.wait()
            asking.cancel()
            assert await gone


@pytest.mark.parametrize("answer", [WHOLE, b"no HTTP"])
async def test_a_connection_that_is_over_is_not_left_to_the_collector(answer: bytes) -> None:
    server = Server(answer, keeps=False)
    gc.collect()
    before = (
        _connections()
    )  # those that tests before this one have kept alive, in an error that they still know
    gc.disable()
    try:
        async with serving(server) as client:
            with suppress(Broken):
                await read(client, server)
            async with asyncio.timeout(30):
                while _connections(but=before):
                    await asyncio.sleep(0.01)
    finally:
        gc.enable()
    assert server.connections == 1


def _connections(but: Collection[Connection] = ()) -> list[Connection]:
    return [each for each in gc.get_objects() if isinstance(each, Connection) and each not in but]


def test_a_header_cannot_become_two() -> None:
    with pytest.raises(ValueError, match="line feed"):
        request_head("GET", "/", {"x-request-id": "a\r\nx-evil: b"})


async def _ask(client: Client, url: str) -> None:
    async with client.ask("POST", url, body=b"x" * 10**7):
        pass


async def _until_end(reader: asyncio.StreamReader) -> bool:
    await asyncio.sleep(0.3)  # a slow one; what asks is gone before it has sent all
    with suppress(ConnectionError):
        while await reader.read(65536):
            pass
    return True
