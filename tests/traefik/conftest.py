"""The real Traefik with what `render traefik` writes, and certificates of an authority of the tests' own."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest
import trustme
import yaml
from click.testing import CliRunner, Result

from kanoa_mlops.cli.main import cli
from kanoa_mlops.runtime.ports import free_port

TRAEFIK = Path(sys.executable).with_name("traefik")
Change = Callable[[dict[str, Any], dict[str, Any]], None]
"""Of what was rendered, before Traefik reads it: the static document, the routes."""


@dataclass(frozen=True)
class Authority:
    folder: Path
    """Holds ca.pem and ca-key.pem, cert.pem and key.pem."""

    def issue(self) -> None:
        """A certificate, in place of the one before."""
        ca = trustme.CA.from_pem(
            (self.folder / "ca.pem").read_bytes(), (self.folder / "ca-key.pem").read_bytes()
        )
        issued = ca.issue_cert("localhost", "127.0.0.1")
        issued.private_key_pem.write_to_path(str(self.folder / "key.pem"))
        (self.folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))

    @property
    def context(self) -> ssl.SSLContext:
        """Of a client that trusts it, and nobody else."""
        return ssl.create_default_context(cafile=self.folder / "ca.pem")

    @property
    def options(self) -> list[str]:
        return ["--certificate", str(self.folder / "cert.pem"), "--key", str(self.folder / "key.pem")]


@dataclass(frozen=True)
class Standing:
    """A Traefik that runs, and the session a test asks it with."""

    folder: Path
    port: int
    plain_port: int
    process: subprocess.Popen[bytes]
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "traefik.log").read_text(encoding="utf-8")

    @property
    def ports(self) -> list[str]:
        """As they were given to `render`."""
        return ["--port", str(self.port), "--http-port", str(self.plain_port)]

    async def ask(self, method: str, path: str, **request: Any) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by their names in lower case, and body."""
        async with self.session.request(method, self.url + path, **request) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, headers, await answer.read()


class Stand(Protocol):
    async def __call__(self, *replicas: str, change: Change | None = None, rate: int = 0) -> Standing: ...


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority, ca = Authority(tmp_path_factory.mktemp("authority")), trustme.CA()
    ca.cert_pem.write_to_path(str(authority.folder / "ca.pem"))
    ca.private_key_pem.write_to_path(str(authority.folder / "ca-key.pem"))
    authority.issue()
    return authority


@pytest.fixture
async def stand(home: Path, authority: Authority) -> AsyncIterator[Stand]:
    """Renders, starts, and waits until the routes are there."""
    async with AsyncExitStack() as stack:

        async def stand(*replicas: str, change: Change | None = None, rate: int = 0) -> Standing:
            folder, port, plain = home / f"traefik-{free_port()}", free_port(), free_port()
            ports = ["--port", str(port), "--http-port", str(plain)]
            limit = ["--rate", str(rate)] if rate else []
            render(*replicas, *authority.options, *ports, *limit, "-o", str(folder))
            if change:
                alter(folder, change)
            process = start(folder)
            stack.callback(end, process)
            connector = aiohttp.TCPConnector(ssl=authority.context, limit=0)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            standing = Standing(folder, port, plain, process, session)
            await _ready(standing)
            return standing

        yield stand


def render(*arguments: str) -> Result:
    done = CliRunner().invoke(cli, ["render", "traefik", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def alter(folder: Path, change: Change) -> None:
    paths = [folder / "traefik.yaml", folder / "routes.yaml"]
    static, routes = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths)
    change(static, routes)
    for path, document in zip(paths, (static, routes), strict=True):
        path.write_text(yaml.safe_dump(document), encoding="utf-8")


def start(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "traefik.log").open("wb") as log:
        return subprocess.Popen(
            [TRAEFIK, f"--configFile={folder / 'traefik.yaml'}"], stdout=log, stderr=subprocess.STDOUT
        )


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


async def _ready(standing: Standing) -> None:
    async with asyncio.timeout(30):
        while True:
            assert standing.process.poll() is None, standing.log
            with suppress(aiohttp.ClientError):
                if (await standing.ask("GET", "/"))[0] != 404:
                    return
            await asyncio.sleep(0.05)
