"""`kanoa-mlops gateway` while its file is changed: what runs goes on, and what is wrong changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from tests.fakes.engine import WORDS, chunk
from tests.gateway.conftest import chat
from tests.gateway.test_leaving import until
from tests.gateway.test_restarted import WellEngine, running

pytestmark = pytest.mark.usefixtures("home")


@dataclass
class Talker(WellEngine):
    """A stream of it stops after its first word, until it is told to go on."""

    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET" or not (await request.json()).get("stream"):
            return await super()._handle(request)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(chunk(WORDS[0]))
        await self.told.wait()
        await response.write(b"".join(chunk(word) for word in WORDS[1:]) + b"data: [DONE]\n\n")
        return response


@dataclass(frozen=True)
class Owner:
    """Who changes the file, and reads the log."""

    url: str
    file: Path
    log: Path
    session: aiohttp.ClientSession

    def write(self, *engines: WellEngine, **top: Any) -> None:
        write(self.file, *engines, **top)

    async def logged(self, words: str) -> None:
        await until(lambda: words in self.log.read_text())

    async def who(self) -> str:
        """Which backend answers."""
        async with self.session.post(f"{self.url}/v1/chat/completions", json=chat("hi")) as answer:
            return answer.headers.get("x-kanoa-backend", str(answer.status))


def write(file: Path, *engines: WellEngine, **top: Any) -> None:
    backends = [
        {"model": "smollm2", "id": f"at-{each.port}", "url": each.url, "engine": "vllm", "context": 4096}
        for each in engines
    ]
    file.write_text(yaml.safe_dump({"backends": backends} | top))


@asynccontextmanager
async def owned(folder: Path, *engines: WellEngine, **top: Any) -> AsyncIterator[Owner]:
    file, log = folder / "gateway.yaml", folder / "log"
    write(file, *engines, **top)
    async with running(file, log) as url, aiohttp.ClientSession() as session:
        yield Owner(url, file, log, session)


async def test_an_engine_that_is_taken_out_finishes_its_stream(tmp_path: Path) -> None:
    async with Talker() as first, WellEngine() as second, owned(tmp_path, first) as owner:
        asked = chat("hi", stream=True)
        async with owner.session.post(f"{owner.url}/v1/chat/completions", json=asked) as stream:
            assert stream.headers["x-kanoa-backend"] == f"at-{first.port}"
            began = await stream.content.readline()
            owner.write(second)
            await owner.logged(f"at-{second.port} is ready")
            assert await owner.who() == f"at-{second.port}"
            async with owner.session.get(f"{owner.url}/status") as status:
                assert [each["id"] for each in (await status.json())["backends"]] == [f"at-{second.port}"]
            first.told.set()
            rest = (await stream.read()).decode()
    said = began.decode() + rest
    words = [json.loads(line[6:]) for line in said.splitlines() if line[:7] == "data: {"]
    assert "".join(each["choices"][0]["delta"]["content"] for each in words) == "".join(WORDS)
    assert said.endswith("data: [DONE]\n\n")


async def test_a_wrong_file_is_told_by_its_line_and_changes_nothing(tmp_path: Path) -> None:
    async with WellEngine() as first, WellEngine() as second, owned(tmp_path, first) as owner:
        owner.write(second, colour="red")
        line = owner.file.read_text().splitlines().index("colour: red") + 1
        await owner.logged(f"{owner.file}:{line}: colour: unknown key.")
        assert await owner.who() == f"at-{first.port}"
        owner.write(second)
        await owner.logged("was read again")
        assert await owner.who() == f"at-{second.port}"


@pytest.mark.parametrize("was", [True, False])
async def test_who_may_come_in_does_not_change_unheard(tmp_path: Path, was: bool) -> None:
    async with WellEngine() as first, WellEngine() as second, owned(tmp_path, first, open=was) as owner:
        owner.write(second, open=not was)
        await owner.logged("open: who may come in does not change while the gateway runs. Start it anew.")
        assert "What ran before is kept." in owner.log.read_text()
        assert await owner.who() == f"at-{first.port}"
