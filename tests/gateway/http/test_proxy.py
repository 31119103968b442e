"""Through a company's proxy, and past it."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
import uvloop

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.http.client import Barred, Client, Unreachable
from kanoa_mlops.gateway.http.proxy import Proxies, Proxy, parse_proxy, proxies_of
from kanoa_mlops.gateway.http.way import WayOut
from kanoa_mlops.gateway.upstream import ask_engine
from kanoa_mlops.runtime.ports import free_port
from tests.gateway.http.test_client import WHOLE, Server

PASSWORD = "s3cret/@:word"
QUOTED = "s3cret%2F%40%3Aword"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@dataclass
class Upstream(Server):
    """With TLS."""

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/v1/x"


async def all_gone(server: Server | OddProxy) -> None:
    async with asyncio.timeout(60):
        while server.open:
            await asyncio.sleep(0.01)


@pytest.fixture
async def upstream(authority: trustme.CA) -> AsyncIterator[Upstream]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = Upstream(WHOLE)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
        await all_gone(server)


@pytest.fixture(scope="module")
def real_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """proxy.py, which wants a name and a password. Its port."""
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    argv = ["-m", "proxy", "--port", str(port), "--num-workers", "1", "--num-acceptors", "1"]
    argv += ["--basic-auth", f"anna:{PASSWORD}", "--data-dir", str(folder), "--log-level", "ERROR"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *argv], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while not _listens(port):
            assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class OddProxy:
    """Says to each CONNECT what a test wants, and keeps what it heard."""

    answer: bytes
    heard: list[bytes] = field(default_factory=list)
    open: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.heard.append(await reader.readuntil(b"\r\n\r\n"))
        with suppress(ConnectionError):
            writer.write(self.answer)
            await writer.drain()
            if self.answer.endswith(b"200 OK\r\n\r\n"):
                await reader.read(1)  # a greeting
            writer.close()
            await writer.wait_closed()
        self.open -= 1


@asynccontextmanager
async def odd(answer: bytes) -> AsyncIterator[OddProxy]:
    proxy = OddProxy(answer)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield proxy
        await all_gone(proxy)


def through(port: int, bundle: Path | None, *, user: str = "", bypassed: str = "") -> Client:
    address = f"http://{user and user + '@'}127.0.0.1:{port}"
    return Client("test", WayOut(Proxies(address, bypassed), bundle))


async def ask(client: Client, url: str, *, beyond: bool = True, keep: bool = False) -> bytes:
    async with client.ask("POST", url, body=b"{}", beyond=beyond, keep=keep) as answer:
        return await answer.chunk()


async def test_a_real_proxy_lets_through_who_has_the_password(
    real_proxy: int, upstream: Upstream, bundle: Path
) -> None:
    with closing(through(real_proxy, bundle, user=f"anna:{QUOTED}")) as client:
        for _ in range(3):
            assert await ask(client, upstream.url, keep=True) == b"hello"
    assert upstream.connections == 1, "a way that was made is kept"
    assert not any(b"roxy" in head for head in upstream.requests), "what is the proxy's goes no further"


async def test_on_the_loop_of_servers_too(real_proxy: int, upstream: Upstream, bundle: Path) -> None:
    async def twice() -> list[bytes]:
        with closing(through(real_proxy, bundle, user=f"anna:{QUOTED}")) as client:
            return [await ask(client, upstream.url, keep=True) for _ in range(2)]

    assert await asyncio.to_thread(uvloop.run, twice()) == [b"hello"] * 2
    assert upstream.connections == 1


@pytest.mark.parametrize(
    ("user", "why"),
    [("", "it wants a name and password"), ("anna:wrong-w0rd", "it refuses this name and password")],
)
async def test_a_real_proxy_refuses_others_and_the_error_holds_no_password(
    real_proxy: int, upstream: Upstream, bundle: Path, user: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    backend = Backend("m", (), upstream.url, "openai", False, 4096, tier="cloud")
    with closing(through(real_proxy, bundle, user=user)) as client, pytest.raises(ApiError) as refused:
        async with ask_engine(client, backend, "/v1/x", b"{}", {}):
            raise AssertionError("nobody answers")
    assert (refused.value.status, refused.value.code) == (502, "engine_unreachable")
    assert f"127.0.0.1:{real_proxy} is no way to localhost:{upstream.port}: {why}." in caplog.text
    assert str(real_proxy) not in refused.value.message
    assert "wrong-w0rd" not in caplog.text + repr(refused.value.__cause__)
    assert upstream.connections == 0


async def test_what_is_near_or_excepted_goes_straight(upstream: Upstream, bundle: Path) -> None:
    near = Server(WHOLE)
    listening = await asyncio.start_server(near.serve, "127.0.0.1", 0)
    near.port = listening.sockets[0].getsockname()[1]
    async with listening, odd(b"") as proxy:
        with closing(through(proxy.port, bundle, bypassed="example.com,localhost")) as client:
            assert await ask(client, upstream.url) == b"hello"
        with closing(through(proxy.port, bundle)) as client:
            assert await ask(client, near.url, beyond=False) == b"hello"
            with pytest.raises(Unreachable, match="certificate verify failed"):
                await ask(client, upstream.url, beyond=False)  # near: no proxy, none of the company's trust
        assert proxy.heard == []


async def test_an_authority_that_nobody_named_is_not_trusted(upstream: Upstream, bundle: Path) -> None:
    with closing(Client("test")) as client, pytest.raises(Barred, match="set `certificates`"):
        await ask(client, upstream.url)
    lost = Client("test", WayOut(certificates=bundle.parent / "none.pem"))
    with pytest.raises(Barred, match=r"none\.pem cannot be read"):
        await ask(lost, upstream.url)
    assert len(WayOut(certificates=bundle).trust.get_ca_certs()) > 1, "the system's are trusted as well"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "it forbids the way to localhost:"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno!", "it answers HTTP 502 for localhost:"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "it answers what is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10**6, "its answer has no end"),
        (b"", "it ends the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),  # and then nobody greets
    ],
)
async def test_a_proxy_that_is_none_is_told(
    upstream: Upstream, bundle: Path, answer: bytes, why: str
) -> None:
    async with odd(answer) as proxy:
        client = through(proxy.port, bundle, user=f"anna:{QUOTED}")
        with pytest.raises(Barred) as barred:
            await ask(client, upstream.url)
    assert f"The proxy 127.0.0.1:{proxy.port} is no way to localhost:{upstream.port}: {why}" in str(
        barred.value
    )
    assert PASSWORD not in str(barred.value)
    [head] = proxy.heard
    place = f"localhost:{upstream.port}".encode()
    assert head.startswith(b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nProxy-Authorization: Basic " % (place, place))


async def test_no_proxy_at_all_is_told(upstream: Upstream, bundle: Path) -> None:
    port = free_port()
    with (
        closing(through(port, bundle)) as client,
        pytest.raises(Barred, match=f"The proxy 127.0.0.1:{port} is"),
    ):
        await ask(client, upstream.url)


async def test_who_leaves_while_the_proxy_thinks_leaves_no_connection(
    upstream: Upstream, bundle: Path
) -> None:
    gone = asyncio.Event()

    async def think(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        with suppress(ConnectionError):
            await reader.read()
        gone.set()
        writer.close()

    asked = asyncio.Event()
    listening = await asyncio.start_server(think, "127.0.0.1", 0)
    async with listening:
        with closing(through(listening.sockets[0].getsockname()[1], bundle)) as client:
            asking = asyncio.create_task(ask(client, upstream.url))
            async with asyncio.timeout(60):
                await asked.wait()
                asking.cancel()
                await gone.wait()


@pytest.mark.parametrize(
    ("environment", "host", "found"),
    [
        ({}, "api.example.com", None),
        ({"HTTPS_PROXY": "http://p:1"}, "api.example.com", Proxy("p", 1)),
        ({"https_proxy": "p:1", "HTTPS_PROXY": "http://other:2"}, "api.example.com", Proxy("p", 1)),
        ({"https_proxy": "", "HTTPS_PROXY": "http://other:2"}, "api.example.com", None),
        ({"HTTP_PROXY": "http://p:1"}, "api.example.com", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "api.example.com", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.org, example.com"}, "api.example.com", None),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": ".example.com"}, "api.example.com", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.example.com:443"}, "api.example.com", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com"}, "anexample.com", Proxy("p", 1)),
    ],
)
def test_the_environment_is_read_as_others_read_it(
    environment: dict[str, str], host: str, found: Proxy | None
) -> None:
    assert proxies_of(environment).to(host, 443) == found


@pytest.mark.parametrize(
    "address", [f"https://a:{QUOTED}@p:1", f"socks5://a:{QUOTED}@p", "http://p:x", "http://"]
)
async def test_an_address_that_is_none_is_told_without_its_password(address: str) -> None:
    with pytest.raises(ValueError, match="HTTPS_PROXY"):
        parse_proxy(address)
    with closing(Client("test", WayOut(Proxies(address)))) as client, pytest.raises(Barred) as barred:
        await ask(client, "https://api.example.com/v1")
    assert "s3cret" not in str(barred.value) + repr(barred.value.__cause__)


def test_no_repr_shows_a_password() -> None:
    out = WayOut(Proxies(f"http://anna:{QUOTED}@p:1"))
    assert "s3cret" not in repr(out) + repr(out.proxies.to("a", 443))
    assert parse_proxy("[::1]:3128").place == "[::1]:3128"
