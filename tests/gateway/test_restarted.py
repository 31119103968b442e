"""A gateway that is stopped and started again has not forgotten what providers said."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest
import yaml
from aiohttp import web

from kanoa_mlops.runtime.ports import free_port
from tests.conftest import PROGRAM, wait_for_health
from tests.fakes import provider as hub
from tests.fakes.engine import FakeEngine
from tests.fakes.provider import FakeProvider
from tests.gateway.conftest import chat
from tests.postgres import Postgres

pytestmark = pytest.mark.usefixtures("home")


class WellEngine(FakeEngine):
    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return web.Response() if request.method == "GET" else await super()._handle(request)


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    async with WellEngine() as running:
        yield running


class Hosted(Protocol):
    @property
    def url(self) -> str: ...


def write_config(home: Path, engine: FakeEngine, provider: Hosted, key: str, **entry: Any) -> Path:
    key_file, path = home / "key", home / "gateway.yaml"
    key_file.write_text(key)
    key_file.chmod(0o600)
    near = {"model": "smollm2", "url": engine.url, "engine": "vllm", "context": 4096}
    hosted = {
        "for": "smollm2",
        "id": "hub",
        "base_url": provider.url,
        "name": "openai/gpt-oss-120b:novita",
        "context": "128000 tokens",
        "price": {"prompt": "0 $/Mtok", "answer": "0 $/Mtok"},
        "key_file": str(key_file),
        **entry,
    }
    path.write_text(yaml.safe_dump({"backends": [near], "burst": {"allowed": [hosted]}}))
    return path


@asynccontextmanager
async def running(config: Path, log: Path) -> AsyncIterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with log.open("ab") as output:
        argv: list[str | Path] = [PROGRAM, "gateway", "--config", config, "--port", str(port)]
        process = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        await asyncio.to_thread(wait_for_health, url, process, log)
        yield url
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


async def ask(url: str, burst: str = "require") -> tuple[int, str]:
    """The status, and the error's code."""
    headers = {"x-kanoa-burst": burst}
    body = chat("hi", max_tokens=10)
    async with aiohttp.request("POST", f"{url}/v1/chat/completions", json=body, headers=headers) as answer:
        said = await answer.json()
        return answer.status, said.get("error", {}).get("code", "")


@pytest.fixture(params=["sqlite", "postgres"])
def books(request: pytest.FixtureRequest) -> Any:
    if request.param == "sqlite":
        yield ""
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database() as url:
        os.environ["KANOA_MLOPS_BOOKS"] = url
        yield url


@pytest.mark.usefixtures("books")
async def test_a_limit_by_the_day_is_one_over_restarts(tmp_path: Path, engine: FakeEngine) -> None:
    async with FakeProvider() as provider:
        config = write_config(tmp_path, engine, provider, hub.KEY, limits={"requests_per_day": 3})
        found = []
        for _ in range(2):
            async with running(config, tmp_path / "log") as url:
                found += [await ask(url) for _ in range(2)]
        assert found == [(200, "")] * 3 + [(503, "model_rate_limited")]
        assert provider.asked == 3


@pytest.mark.usefixtures("books")
async def test_who_has_no_credit_is_not_asked_again_until_there_is_another_key(
    tmp_path: Path, engine: FakeEngine
) -> None:
    async with FakeProvider(credit_micro=0) as provider:
        config = write_config(tmp_path, engine, provider, hub.KEY)
        async with running(config, tmp_path / "log") as url:
            assert (await ask(url))[0] >= 400
        for _ in range(2):
            async with running(config, tmp_path / "log") as url:
                assert await ask(url) == (503, "model_exhausted")
        assert provider.refused == [402]
        write_config(tmp_path, engine, provider, "another-key")
        async with running(config, tmp_path / "log") as url:
            await ask(url)
        assert provider.refused == [402, 401]
        assert hub.KEY not in (tmp_path / "log").read_text()
