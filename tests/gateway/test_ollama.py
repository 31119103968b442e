"""The front door before an Ollama daemon: clients name the model, the daemon is asked for the derived one."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import openai
import pytest
from kanoa import AnalyticsInterpreter

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.demo import draw_projectile
from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.ollama.charge import Charge
from kanoa_mlops.runtime.ollama.runner import OllamaRunner
from kanoa_mlops.runtime.state import EngineRecord
from tests.fakes.ollama import FakeOllama
from tests.fakes.ollama_store import GIB, Published, Store
from tests.gateway.conftest import Door, OpenDoor
from tests.planner.machines import desktop

MODEL, TAG = "gemma-3-12b-it", "gemma3:12b"
DERIVED = "kanoa-mlops/gemma-3-12b-it:8192x2-ollama"
PNG = b"\x89PNG of a figure"
ANSWER = "The sales rise."


@pytest.fixture
async def daemon() -> AsyncIterator[FakeOllama]:
    async with FakeOllama(Store(library={TAG: Published(weights=8 * GIB)})) as running:
        yield running


@pytest.fixture
async def door(daemon: FakeOllama, catalog: Catalog, open_door: OpenDoor) -> AsyncIterator[Door]:
    """A gateway whose backend is what the runner tells of the daemon."""
    wish = Wish(engine="ollama", weights="ollama", context=8192, sequences=2)
    made = plan(catalog.models[MODEL], desktop(24 * GIB), wish, catalog)
    door = await open_door(Backend(made.model, made.aliases, "", "ollama", made.sees, made.context))

    def changed(record: EngineRecord) -> None:
        [backend] = door.backends.all()
        door.backends.put(
            replace(
                backend,
                url=record.url,
                upstream_model=record.upstream_model,
                state=record.state,
                reason=record.reason,
            )
        )

    record = EngineRecord(
        MODEL, "ollama", "ollama", "loading", made.context, made.sequences, made.memory_bytes
    )
    charge = Charge(made, catalog.models[MODEL].engines["ollama"], TAG)
    runner = OllamaRunner(daemon.url, charge, record, changed)
    task = asyncio.create_task(runner.run())
    await asyncio.wait_for(runner.ready.wait(), 60)
    yield door
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def client(door: Door) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="local", max_retries=0) as made:
        yield made


def about(image: bytes) -> list[Any]:
    url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What rises?"}]
    return [{"role": "user", "content": content}]


@pytest.mark.parametrize("name", [MODEL, "google/gemma-3-12b-it"])
async def test_openai_asks_about_an_image(daemon: FakeOllama, client: openai.AsyncOpenAI, name: str) -> None:
    answer = await client.chat.completions.create(model=name, messages=about(PNG))
    assert answer.choices[0].message.content == ANSWER
    assert daemon.images == [PNG]
    assert [each.model.name for each in daemon.store.loaded.values()] == [f"registry.ollama.ai/{DERIVED}"]
    assert daemon.asked("/api/generate") == 1  # what the plan loaded served; nothing was loaded anew


async def test_openai_streams_about_an_image(daemon: FakeOllama, client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model=MODEL, messages=about(PNG), stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4
    assert daemon.images == [PNG]


async def test_kanoa_interprets_a_figure(daemon: FakeOllama, door: Door) -> None:
    def interpret() -> Any:
        interpreter = AnalyticsInterpreter(
            backend="openai", api_base=f"{door.url}/v1", model=MODEL, api_key="local", max_tokens=60
        )
        figure = draw_projectile()
        try:
            return interpreter.interpret(fig=figure, stream=False, display_result=False)
        finally:
            plt.close(figure)

    result = await asyncio.to_thread(interpret)
    assert result.text == ANSWER
    assert (result.usage.input_tokens, result.usage.output_tokens) == (7, 4)
    [image] = daemon.images
    assert image.startswith(b"\x89PNG")


async def test_the_door_lists_the_model_by_its_own_name(client: openai.AsyncOpenAI) -> None:
    [model] = (await client.models.list()).data
    assert model.id == MODEL


async def test_a_daemon_that_left_is_told_in_the_envelope(
    daemon: FakeOllama, client: openai.AsyncOpenAI
) -> None:
    await daemon.stop()
    with pytest.raises(openai.APIStatusError) as caught:
        await client.chat.completions.create(model=MODEL, messages=about(PNG))
    assert caught.value.status_code in (502, 503)
    assert MODEL in caught.value.message
