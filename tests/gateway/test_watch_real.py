"""A real llama.cpp with real weights, started as the project does: what it counts, and that work is seen."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.counters.counters import EngineCounters, Unreadable
from kanoa_mlops.gateway.counters.readings import Readings
from kanoa_mlops.gateway.http.client import Client
from kanoa_mlops.gateway.inquiry import ask_counters, ask_tools, ask_word
from kanoa_mlops.gateway.policy.liveness import Bounds
from kanoa_mlops.gateway.traffic import Traffic
from kanoa_mlops.gateway.upstream import ask_engine
from kanoa_mlops.gateway.watch import Watch
from kanoa_mlops.runtime.ports import free_port
from tests.conftest import wait_for_health
from tests.gateway.conftest import backend, chat

pytestmark = pytest.mark.e2e

KEY = "engine-secret"


@pytest.fixture(scope="module")
def url(weights_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Behind its key, and with its counters open."""
    folder, port = tmp_path_factory.mktemp("engine"), free_port()
    (folder / "key").write_text(KEY)
    flags = f"--alias smollm2 --port {port} --ctx-size 4096 --parallel 2 --threads 2 --cache-ram 0 --metrics"
    files = ("--model", str(weights_file), "--api-key-file", str(folder / "key"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kanoa_mlops.runtime.embedded", *files, *flags.split()],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for_health(f"http://127.0.0.1:{port}", process, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    with closing(Client("test")) as made:
        yield made


async def counters(client: Client, url: str) -> EngineCounters:
    told = await ask_counters(client, backend(url, engine_key=KEY))
    assert isinstance(told, EngineCounters)
    return told


async def test_what_it_makes_is_counted(client: Client, url: str) -> None:
    one, before = backend(url, engine_key=KEY), await counters(client, url)
    asked = json.dumps(chat("Count to a hundred.", max_tokens=7, ignore_eos=True)).encode()
    async with ask_engine(client, one, "/v1/chat/completions", asked, {}) as answer:
        usage = json.loads(await answer.read(10**6))["usage"]
    after = await counters(client, url)
    assert None not in (before.generation_tokens_total, after.generation_tokens_total)
    assert after.generation_tokens_total == (before.generation_tokens_total or 0) + 7
    assert after.prompt_tokens_total == (before.prompt_tokens_total or 0) + usage["prompt_tokens"]
    assert (after.steps_total or 0) > (before.steps_total or 0)
    assert (after.running, after.waiting) == (0, 0)


async def test_a_word_is_made_on_request(client: Client, url: str) -> None:
    before = await counters(client, url)
    assert await ask_word(client, backend(url, engine_key=KEY))
    assert (await counters(client, url)).generation_tokens_total == (before.generation_tokens_total or 0) + 1


async def test_it_says_that_its_template_leaves_tools_out(client: Client, url: str) -> None:
    assert await ask_tools(client, backend(url, engine_key=KEY)) is False
    assert await ask_tools(client, backend(url, engine_key="wrong")) is None


async def test_without_its_key_it_tells_nothing(client: Client, url: str) -> None:
    told = await ask_counters(client, backend(url, engine_key="wrong"))
    assert told == Unreadable("/metrics answers HTTP 401")


async def test_while_it_works_it_is_alive_however_short_the_patience(client: Client, url: str) -> None:
    backends, traffic, readings = Backends([backend(url, engine_key=KEY)]), Traffic(), Readings()
    # By this clock a step takes ages; whatever moved between two looks is enough.
    ages = iter(range(0, 10**9, 1000))
    watch = Watch(backends, traffic, readings, bounds=Bounds(1, 1, 1), clock=lambda: float(next(ages)))
    asked = json.dumps(chat("Count to a million.", max_tokens=60, ignore_eos=True, stream=True)).encode()
    [one], flow = backends.all(), traffic.of("smollm2")

    async def ask() -> None:
        async with ask_engine(client, one, "/v1/chat/completions", asked, {}, flow) as answer:
            while await answer.chunk():
                pass

    asking = asyncio.create_task(ask())
    while not flow.received_bytes and not asking.done():
        await asyncio.sleep(0.01)
    while not asking.done():
        before = flow.received_bytes
        while flow.received_bytes == before and not asking.done():
            await asyncio.sleep(0.01)
        await watch.look("smollm2", "/health")
        assert [each.state for each in backends.all()] == ["ready"]
    await asking
    [reading] = readings.all()
    assert reading.counters.steps_total
