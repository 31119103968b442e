"""Two gateways as `render compose --replicas 2` writes them, real Traefik and Postgres, but no containers."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import openai
import psycopg
import pytest
import yaml
from click.testing import CliRunner

from kanoa_mlops.cli.main import cli
from kanoa_mlops.gateway.departure import NOTICE_HEADER
from kanoa_mlops.gateway.http import listening
from kanoa_mlops.render.compose_books import PASSWORD, POSTGRES
from kanoa_mlops.runtime.ports import free_port
from tests.cli.test_plan import run
from tests.conftest import MODEL as SMOL
from tests.conftest import wait_for_health
from tests.postgres import Postgres
from tests.traefik.conftest import TRAEFIK, end
from tests.traefik.replica import MODEL, HoldingEngine, Replica, said

STREAMS = 8
# For another machine, so that nothing is fetched.
_ASKED = ("render", "compose", SMOL, "--platform", "cpu-32")


@dataclass(frozen=True)
class Site:
    url: str
    """Of Traefik."""
    replicas: tuple[Replica, Replica]
    engine: HoldingEngine
    client: openai.AsyncOpenAI

    async def ask(self) -> str:
        answer = await self.client.chat.completions.create(model=MODEL, messages=said("hi"))
        return answer.choices[0].message.content or ""

    async def hold(self) -> list[asyncio.Task[str]]:
        begun = asyncio.Semaphore(0)

        async def held() -> str:
            pieces = []
            stream = await self.client.chat.completions.create(
                model=MODEL, messages=said("hold"), stream=True
            )
            async for piece in stream:
                pieces.append(piece.choices[0].delta.content or "")
                begun.release()
            return "".join(pieces)

        tasks = [asyncio.create_task(held()) for _ in range(STREAMS)]
        for _ in tasks:
            await asyncio.wait_for(begun.acquire(), 60)
        return tasks

    async def status(self, path: str, **headers: str) -> int:
        async with aiohttp.request("GET", self.url + path, headers=headers) as answer:
            return answer.status


@pytest.fixture
def folder(home: Path) -> Path:
    folder = home / "compose"
    render(folder, "--replicas", "2")
    return folder


@pytest.fixture
async def site(home: Path, folder: Path, postgres: Postgres) -> AsyncIterator[Site]:
    """What is rendered, with addresses of this machine in place of the services' names."""
    document = services_of(folder)
    async with AsyncExitStack() as stack:
        database = stack.enter_context(postgres.database())
        engine = await stack.enter_async_context(HoldingEngine())
        config = home / "gateway.yaml"
        config.write_text(yaml.safe_dump({"backends": [engine.backend]}))
        key = ""
        replicas = []
        for name in ("gateway", "gateway-2"):
            told = _here(document[name]["environment"], home / name, postgres, database)
            # By the first one's command, before either runs.
            key = key or CliRunner().invoke(cli, ["keys", "add", "anna"], env=told).stdout.strip()
            replicas.append(Replica.start(config, home / f"{name}.log", told))
            stack.callback(replicas[-1].kill)
        for each in replicas:
            await asyncio.to_thread(wait_for_health, each.url, each.process, each.log)
        one, other = replicas
        port = _traefik(home, folder, document["traefik"]["command"], (one, other), stack)
        url = f"http://127.0.0.1:{port}"
        client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60)
        site = Site(url, (one, other), engine, await stack.enter_async_context(client))
        async with asyncio.timeout(30):
            while await _absent(site):
                await asyncio.sleep(0.05)
        yield site
        engine.go.set()


def render(folder: Path, *options: str) -> str:
    done = run(*_ASKED, "-o", folder, *options)
    assert done.returncode == 0, done.stderr
    return done.stderr


def services_of(folder: Path) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    return services


def _here(told: Mapping[str, str], home: Path, postgres: Postgres, database: str) -> dict[str, str]:
    """A gateway's environment, with this machine's database and folders."""
    home.mkdir()
    assert told["KANOA_MLOPS_BOOKS_PASSWORD_FILE"] == f"/run/secrets/{PASSWORD}"
    word = home / PASSWORD
    word.touch(mode=0o600)
    word.write_text(postgres.password)
    place, found = f"127.0.0.1:{postgres.port}", psycopg.conninfo.conninfo_to_dict(database)
    assert told["KANOA_MLOPS_BOOKS"] == "postgresql://kanoa@postgres:5432/kanoa"
    return {
        **told,
        "HOME": str(home),
        "KANOA_MLOPS_CONFIG": str(home / "mlops.toml"),
        "KANOA_MLOPS_STATE_DIR": str(home / "state"),
        "KANOA_MLOPS_BOOKS": f"postgresql://kanoa@{place}/{found['dbname']}",
        "KANOA_MLOPS_BOOKS_PASSWORD_FILE": str(word),
    }


def _traefik(
    home: Path, folder: Path, words: list[str], replicas: tuple[Replica, Replica], stack: AsyncExitStack
) -> int:
    """The real one, by the file's own words. Gives its port."""
    routes = (folder / "routes.yaml").read_text()
    for name, replica in zip(("gateway", "gateway-2"), replicas, strict=True):
        assert routes.count(f"- url: http://{name}:8000\n") == 1
        routes = routes.replace(f"- url: http://{name}:8000\n", f"- url: {replica.url}\n")
    (home / "routes.yaml").write_text(routes)
    port, ping = free_port(), free_port()
    typed = "\n".join(words)
    for there, here in {
        "address=:8000": f"address=127.0.0.1:{port}",
        "127.0.0.1:8082": f"127.0.0.1:{ping}",
        "/etc/traefik/routes.yaml": str(home / "routes.yaml"),
    }.items():
        assert typed.count(there) == 1
        typed = typed.replace(there, here)
    with (home / "traefik.log").open("wb") as log:
        process = subprocess.Popen([TRAEFIK, *typed.split("\n")], stdout=log, stderr=log)
    stack.callback(end, process)
    return port


async def _absent(site: Site) -> bool:
    try:
        return await site.status("/") == 404
    except aiohttp.ClientError:
        return True


async def test_both_answer_whoever_has_a_key(site: Site) -> None:
    streams = await site.hold()
    assert [await each.running() for each in site.replicas] == [STREAMS // 2] * 2
    site.engine.go.set()
    assert await asyncio.gather(*streams) == ["begun ended"] * STREAMS
    with pytest.raises(openai.AuthenticationError):
        await replace(site, client=site.client.with_options(api_key="kanoa-no-such-key")).ask()
    assert await site.status("/", host="evil.example") == 404
    assert await site.status("/metrics") == 404, "each gateway's are its own"


async def test_one_that_leaves_cuts_nothing(site: Site) -> None:
    leaving, _ = site.replicas
    streams = await site.hold()
    await leaving.watched()
    leaving.process.send_signal(signal.SIGTERM)
    asked = 0
    async with asyncio.timeout(60):
        while not leaving.is_closed:
            assert await site.ask() == "The sales rise."
            asked += 1
    assert asked
    assert [await site.ask() for _ in range(STREAMS)] == ["The sales rise."] * STREAMS
    site.engine.go.set()
    assert await asyncio.gather(*streams) == ["begun ended"] * STREAMS
    assert await asyncio.to_thread(leaving.process.wait, 30) == 0


async def test_one_that_is_killed_is_asked_no_more(site: Site) -> None:
    killed, _ = site.replicas
    # The one that stays is busy, so that the dead one always looks like the better.
    streams = await site.hold()
    killed.kill()
    assert [await site.ask() for _ in range(STREAMS)] == ["The sales rise."] * STREAMS
    site.engine.go.set()
    ended = await asyncio.gather(*streams, return_exceptions=True)
    assert ended.count("begun ended") == STREAMS // 2


def test_rendering_again_changes_nothing_and_keeps_the_password(home: Path, folder: Path) -> None:
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    render(folder, "--replicas", "2")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == first
    secret = folder / "secrets" / PASSWORD
    assert secret.stat().st_mode & 0o777 == 0o600
    others = [text for path, text in first.items() if path != secret]
    assert not any(secret.read_bytes() in text for text in others)


def test_what_the_gateways_are_told(folder: Path) -> None:
    services = services_of(folder)
    document = yaml.safe_load((folder / "compose.yaml").read_text())
    gateway, server, traefik = services["gateway"], services["postgres"], services["traefik"]
    assert services["gateway-2"] == gateway
    assert gateway["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert not [each for each in gateway["volumes"] if each["type"] == "volume"], "all is in the database"
    assert server["image"] == POSTGRES
    assert server["networks"] == ["books"]
    assert document["networks"]["books"] == {"internal": True}
    assert [name for name, each in services.items() if "books" in each["networks"]] == [
        "postgres",
        "gateway",
        "gateway-2",
    ]
    [volume] = server["volumes"]
    assert volume["source"] in document["volumes"]
    assert traefik["depends_on"] == ["gateway", "gateway-2"]
    assert "[figures,postgres]" in (folder / "gateway" / "Dockerfile").read_text()
    routes = yaml.safe_load((folder / "routes.yaml").read_text())["http"]
    assert list(routes["middlewares"]) == routes["routers"]["gateways"]["middlewares"]
    # It is this Traefik's to say how much notice it wants.
    assert routes["middlewares"]["headers"]["headers"]["customRequestHeaders"] == {NOTICE_HEADER: ""}
    balancer = routes["services"]["gateways"]["loadBalancer"]
    assert (balancer["strategy"], balancer["healthCheck"]["path"]) == ("p2c", "/")
    assert int(balancer["healthCheck"]["headers"][NOTICE_HEADER])
    [transport] = routes["serversTransports"].values()
    idle = int(transport["forwardingTimeouts"]["idleConnTimeout"].removesuffix("s"))
    assert idle < listening._KEEP_ALIVE_SECONDS


def test_one_gateway_wants_no_database(home: Path) -> None:
    folder = home / "compose"
    render(folder)
    assert list(services_of(folder)) == [SMOL, "gateway", "traefik"]
    assert [path.name for path in (folder / "secrets").iterdir()] == [f"key-{SMOL}"]


@pytest.mark.parametrize("count", ["0", "31", "two"])
def test_a_count_that_cannot_be_is_refused(home: Path, count: str) -> None:
    folder = home / "compose"
    done = run(*_ASKED, "-o", folder, "--replicas", count)
    assert done.returncode == 1
    assert "Invalid value for '--replicas'" in done.stderr
    assert not folder.exists(), "nothing half is left"
