"""The clients that people use, through the gateway, when all is well and when it is not."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Door, NotedReader, OpenDoor, backend
from tests.gateway.test_leaving import until

MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]


@pytest.fixture
async def client(door: Door) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as made:
        yield made


async def test_stream_and_usage(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="tiny", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "The sales rise."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


async def test_estimated_usage_says_so(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="tiny",
        messages=[{"role": "user", "content": "no usage"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    usage = [chunk async for chunk in stream][-1].usage
    assert usage is not None
    assert (usage.completion_tokens, usage.model_extra) == (4, {"estimated": True})


async def test_json_for_a_stream_is_text_for_the_client(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "json for stream"}], stream=True
    )
    assert [chunk.choices[0].delta.content async for chunk in stream] == ["The sales rise."]


@pytest.mark.parametrize("doing", ["cut mid-event", "cut between events", "end without done"])
async def test_a_cut_stream_raises(client: openai.AsyncOpenAI, doing: str) -> None:
    stream = await client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": doing}], stream=True
    )
    with pytest.raises(openai.APIError, match="stopped in the middle of its answer"):
        [chunk async for chunk in stream]


async def test_errors_have_their_classes(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean tiny"):
        await client.chat.completions.create(model="tinny", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "too long"}])
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")


async def test_closing_a_stream_ends_the_engines_work(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    stream = await client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "talk forever"}], stream=True
    )
    async for _ in stream:
        break
    await stream.close()
    await until(lambda: not engine.running)


async def test_models(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["smollm2"]
    assert (await client.models.retrieve("HuggingFaceTB/SmolLM2-135M-Instruct")).id == "smollm2"


async def test_the_blocking_client(door: Door) -> None:
    def ask() -> str:
        with openai.OpenAI(base_url=door.url, api_key="EMPTY", max_retries=0) as client:
            answer = client.chat.completions.create(model="smollm2", messages=MESSAGES)
            return answer.choices[0].message.content or ""

    assert await asyncio.to_thread(ask) == "The sales rise."


async def test_what_kanoa_sends(engine: FakeEngine, open_door: OpenDoor) -> None:
    """The body of kanoa 0.6, key by key, and its Accept header, which names JSON for a stream."""
    door = await open_door(backend(engine.url), figures=NotedReader())
    png = base64.b64encode(b"\x89PNG").decode()
    body = {
        "model": "smollm2",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}},
                    {"type": "text", "text": "Data to analyze"},
                ],
            }
        ],
        "max_tokens": 3000,
        "temperature": 0.7,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    answer = await door.post("/v1/chat/completions", body, headers={"accept": "application/json"})
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-kanoa-figure"] == "ocr"
    assert answer.text.endswith("data: [DONE]\n\n")
    assert engine.received[0].fields["messages"][0]["content"][0]["text"] == "[figure of 4 bytes]"
