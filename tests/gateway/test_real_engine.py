"""The gateway before a real llama.cpp with real weights. `engine_url` is its address; it wants no key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from tests.gateway.conftest import Door, OpenDoor, backend

pytestmark = pytest.mark.e2e

SOUND = {"type": "input_audio", "input_audio": {"data": "aaaa", "format": "wav"}}


@pytest.fixture
async def door(engine_url: str, open_door: OpenDoor) -> Door:
    return await open_door(backend(engine_url, engine_key=""))


@pytest.mark.parametrize("stream", [True, False])
async def test_leaving_frees_the_slot_at_once(door: Door, engine_url: str, stream: bool) -> None:
    # Left alone this would take half a minute.
    asking = asyncio.create_task(
        door.chat("Count to a million.", stream=stream, max_tokens=3000, ignore_eos=True)
    )
    async with asyncio.timeout(20):
        while not await busy(door.session, engine_url):
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    asking.cancel()
    # llama.cpp looks once a second whether the client is still there, and each question about its slots
    # begins that second anew.
    async with asyncio.timeout(20):
        await asyncio.sleep(2.5)
        while await busy(door.session, engine_url):
            await asyncio.sleep(2.5)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_prompt_too_long_says_both_numbers(door: Door, stream: bool) -> None:
    answer = await door.chat("word " * 9000, stream=stream)
    error = json.loads(answer.text)["error"]
    asked, room = error["n_prompt_tokens"], error["n_ctx"]
    assert answer.status == 400
    assert asked > 9000 > room
    assert error == {
        "message": f"The request has {asked} tokens, and smollm2 takes {room} here, "
        "prompt and answer together. Send fewer rows or a shorter text, "
        "or serve the model with a longer context.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
        "source": "engine",
        "n_prompt_tokens": asked,
        "n_ctx": room,
    }


async def test_usage_is_the_engines(door: Door) -> None:
    client = openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0)
    asked: dict[str, Any] = {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": 5,
    }
    async with client:
        whole = await client.chat.completions.create(**asked)
        stream = await client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert whole.usage is not None
    assert chunks[-1].usage is not None
    assert whole.usage.completion_tokens == chunks[-1].usage.completion_tokens == 5
    assert whole.usage.prompt_tokens == chunks[-1].usage.prompt_tokens > 5
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert 'kanoa_completion_tokens_total{model="smollm2"} 10.0' in (await door.get("/metrics")).text


@pytest.mark.parametrize(
    ("changes", "status", "message", "param"),
    [
        ({"temperature": "hot"}, 400, "Field 'temperature': ", "temperature"),
        ({"messages": [{"content": "hi"}]}, 400, "Failed to parse messages: Missing 'role'", None),
        ({"messages": [{"role": "user", "content": 5}]}, 400, "Expected 'content' to be a string", None),
        ({"tools": "x"}, 400, "Failed to parse tools: Expected 'tools' to be an array", None),
        ({"messages": [{"role": "user", "content": [SOUND]}]}, 400, "audio input is not supported", None),
    ],
)  # fmt: skip
async def test_faults_of_the_request_are_never_faults_of_the_server(
    door: Door, changes: dict[str, Any], status: int, message: str, param: str | None
) -> None:
    answer = await door.chat("hi", **changes)
    error = json.loads(answer.text)["error"]
    assert (answer.status, error["param"]) == (status, param), error
    assert error["message"].startswith(message), error


async def test_embeddings_of_a_chat_model_are_refused_in_words(door: Door) -> None:
    answer = await door.post("/v1/embeddings", {"model": "smollm2", "input": "hi"})
    assert answer.status == 501
    assert json.loads(answer.text)["error"] == {
        "message": "smollm2 is served for chat and makes no embeddings. Serve an embedding model for that.",
        "type": "server_error",
        "param": None,
        "code": "not_supported",
        "source": "engine",
    }


async def busy(session: aiohttp.ClientSession, engine_url: str) -> bool:
    async with session.get(f"{engine_url}/slots") as response:
        return any(slot["is_processing"] for slot in await response.json())


class Trend(BaseModel):
    rises: bool
    percent: int


@pytest.fixture
async def client(door: Door) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as made:
        yield made


async def test_an_answer_by_a_schema(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(
        model="tiny",
        messages=[{"role": "user", "content": "Sales rose by 5 percent. Do they rise?"}],
        response_format=Trend,
        max_tokens=60,
        temperature=0,
    )
    assert isinstance(answer.choices[0].message.parsed, Trend)


async def test_langchain_answers_by_a_schema(door: Door) -> None:
    chat = ChatOpenAI(
        model="tiny", base_url=f"{door.url}/v1", api_key=SecretStr("EMPTY"), max_retries=0, temperature=0
    )
    try:
        structured = chat.with_structured_output(Trend, method="json_schema")
        assert isinstance(await structured.ainvoke("Sales rose by 5 percent."), Trend)
    finally:
        await chat.root_async_client.close()
        chat.root_client.close()
