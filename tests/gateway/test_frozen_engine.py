"""A real llama.cpp freezes under the watch that finds it: what waits there is answered by another one."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.policy.liveness import Bounds
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.gateway.watch import Watch
from tests.conftest import real_process
from tests.gateway.conftest import Answer, Door, OpenDoor, backend, chat
from tests.gateway.test_metrics import samples
from tests.gateway.test_pools import code, second
from tests.gateway.test_real_engine import busy
from tests.gateway.test_reception import CHAT, Office, office

__all__ = ["office"]  # the fixture

pytestmark = pytest.mark.e2e

LONG = "word " * 250
SMALL_PIECES = ("--batch-size", "32", "--ubatch-size", "32", "--threads", "1")
"""Between two it says what it is busy with."""
HEALTH_SECONDS = 2.0
REASON = "no answer within 2 s"


@dataclass(frozen=True)
class Engine:
    url: str
    process: subprocess.Popen[bytes]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The system still takes what is sent to it; nobody reads that."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@dataclass
class Scene:
    door: Door
    office: Office
    engine: Engine
    """The first one, which freezes."""
    watching: list[asyncio.Task[None]]

    async def asked(self, **fields: Any) -> asyncio.Task[Answer]:
        """A request whose prompt the first engine reads by now."""
        asking = asyncio.create_task(self.door.chat(LONG, max_tokens=5, ignore_eos=True, **fields))
        async with asyncio.timeout(60):
            while not await busy(self.door.session, self.engine.url):
                await asyncio.sleep(0.01)
        assert not asking.done()
        return asking

    async def standing(self) -> tuple[str, str]:
        """The state of the first engine as the gateway tells it, and why."""
        told = json.loads((await self.door.get("/status")).text)["backends"][0]
        assert told["id"] == "smollm2"
        return told["state"], told["reason"]

    async def stands(self, state: str) -> None:
        async with asyncio.timeout(60):
            while (await self.standing())[0] != state:
                await asyncio.sleep(0.02)

    def booked(self) -> dict[str, tuple[int, int]]:
        """Of each backend requests, and how many of them failed."""
        return {each.group[0]: (each.requests, each.failed) for each in self.office.totals(Dimension.BACKEND)}


@pytest.fixture(scope="module")
def engines(weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Engine]]:
    with ExitStack() as stack:
        one, other = (
            Engine(
                *stack.enter_context(
                    real_process(weights_file, tmp_path_factory.mktemp(name), "--metrics", *SMALL_PIECES)
                )
            )
            for name in ("one", "other")
        )
        yield one, other


@pytest.fixture
async def open_scene(
    engines: tuple[Engine, Engine], office: Office, open_door: OpenDoor, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Any]:
    """Gives a gateway whose engines are watched; their health is asked for with less patience."""
    monkeypatch.setattr("kanoa_mlops.gateway.inquiry._TIMEOUT_SECONDS", HEALTH_SECONDS)
    watching: list[asyncio.Task[None]] = []

    async def scene(*backends: Backend, health: str | None = "/health", **options: Any) -> Scene:
        door = await open_door(*backends, reception=Reception(office.books, False), **options)
        watch = Watch(door.backends, door.app.traffic, door.app.readings, bounds=Bounds(suspicious=1.0))
        watching.extend(asyncio.create_task(watch.keep(each.id, health, 0.2)) for each in backends)
        return Scene(door, office, engines[0], watching)

    yield scene
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)


def both(engines: tuple[Engine, Engine]) -> tuple[Backend, Backend]:
    return backend(engines[0].url, engine_key=""), second(engines[1].url, engine_key="")


@pytest.mark.parametrize("stream", [True, False])
async def test_what_it_reads_is_answered_by_another_one(
    engines: tuple[Engine, Engine], open_scene: Any, stream: bool
) -> None:
    scene = await open_scene(*both(engines))
    asking = await scene.asked(stream=stream)
    with engines[0].frozen():
        answer = await asyncio.wait_for(asking, 60)
        assert await scene.standing() == ("down", REASON)
    told = [answer.headers[f"x-kanoa-{name}"] for name in ("backend", "tier", "attempts")]
    assert (answer.status, told) == (200, ["second", "lan", "2"])
    if stream:
        assert answer.text.endswith("data: [DONE]\n\n")
        assert answer.text.count("[DONE]") == 1
    else:
        assert json.loads(answer.text)["usage"]["completion_tokens"] == 5
    found = await samples(scene.door)
    assert found['kanoa_retries_total{reason="late"}'] == 1
    assert found['kanoa_requests_in_flight{model="smollm2"}'] == 0
    assert scene.booked() == {"second": (1, 0)}
    await scene.stands("ready")
    assert (await scene.door.chat("hi", max_tokens=2)).headers["x-kanoa-backend"] == "smollm2"
    assert sum(each.in_flight for each in scene.door.app.dispatcher.snapshot().backends) == 0


async def test_one_that_is_supervised_is_left_and_taken_back_too(
    engines: tuple[Engine, Engine], open_scene: Any
) -> None:
    scene = await open_scene(*both(engines), health=None)
    asking = await scene.asked()
    with engines[0].frozen():
        answer = await asyncio.wait_for(asking, 60)
        assert await scene.standing() == ("down", REASON)
    assert (answer.status, answer.headers["x-kanoa-backend"]) == (200, "second")
    await scene.stands("ready")


async def test_a_stream_that_was_begun_with_comments_says_who_answers(
    engines: tuple[Engine, Engine], open_scene: Any
) -> None:
    scene = await open_scene(*both(engines), prefill_seconds=0.0)
    asking = await scene.asked(stream=True)
    with engines[0].frozen():
        text = (await asyncio.wait_for(asking, 60)).text
    assert text.count(": answered by second, lan\n\n") == 1
    assert text.count("HTTP/1.1") == 0
    assert text.endswith("data: [DONE]\n\n")
    assert scene.booked() == {"second": (1, 0)}


async def test_where_there_is_no_other_it_is_said_at_the_limit(
    engines: tuple[Engine, Engine], open_scene: Any
) -> None:
    scene = await open_scene(both(engines)[0], first_byte_seconds=6.0)
    asking = await scene.asked()
    with engines[0].frozen():
        await scene.stands("down")
        refused = await scene.door.chat("hi")
        assert (refused.status, code(refused)) == (503, "model_down")
        assert REASON in refused.text
        answer = await asyncio.wait_for(asking, 30)
    assert (answer.status, code(answer)) == (504, "engine_timeout")
    assert "within 6 s" in answer.text
    await scene.stands("ready")
    assert (await scene.door.chat("hi", max_tokens=2)).status == 200


async def test_after_the_first_byte_nothing_is_moved(engines: tuple[Engine, Engine], open_scene: Any) -> None:
    scene = await open_scene(*both(engines), idle_seconds=6.0)
    asked = chat("Count to a million.", stream=True, max_tokens=3000, ignore_eos=True)
    async with scene.door.session.post(scene.door.url + CHAT, json=asked) as response:
        await response.content.readuntil(b"\n\n")
        with engines[0].frozen():
            await scene.stands("down")
            rest = (await asyncio.wait_for(response.read(), 30)).decode()
    assert json.loads(rest.split("\n\n")[-2].removeprefix("data: "))["error"]["code"] == "engine_stalled"
    assert scene.door.app.traffic.of("second").received_bytes == 0
    assert scene.booked() == {"smollm2": (1, 1)}
