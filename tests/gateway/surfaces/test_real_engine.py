"""Other APIs before a real llama.cpp with real weights."""

from __future__ import annotations

import json
from typing import Any

import ollama
import openai
import pytest
from pydantic import BaseModel

from tests.gateway.conftest import Door, OpenDoor, backend
from tests.gateway.test_describe import drawn

pytestmark = pytest.mark.e2e

SAID = [{"role": "user", "content": "Say hello."}]
OPTIONS = {"num_predict": 4, "temperature": 0.0, "seed": 1}
ADD: Any = {
    "type": "function",
    "name": "add",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
    "strict": True,
}


class Trend(BaseModel):
    rises: bool


@pytest.fixture
async def door(engine_url: str, open_door: OpenDoor) -> Door:
    return await open_door(backend(engine_url, engine_key=""))


async def test_ollama_whole_and_streamed_say_the_same(ollama_client: ollama.AsyncClient) -> None:
    # What is remembered of a prompt is computed in another batch, and two words may weigh nearly the same.
    await ollama_client.chat("tiny", messages=SAID, options=OPTIONS)
    whole = await ollama_client.chat("tiny", messages=SAID, options=OPTIONS)
    stream = await ollama_client.chat("tiny", messages=SAID, options=OPTIONS, stream=True)
    lines = [line async for line in stream]
    assert "".join(line.message.content or "" for line in lines) == whole.message.content
    for last in (whole, lines[-1]):
        assert (last.done_reason, last.eval_count) == ("length", 4)
        assert last.prompt_eval_count and last.prompt_eval_count > 5
        assert last.total_duration and last.eval_duration
        assert 0 < last.eval_duration < last.total_duration


async def test_ollama_answers_by_a_schema(ollama_client: ollama.AsyncClient) -> None:
    answer = await ollama_client.generate(
        "tiny", "Do sales rise?", format=Trend.model_json_schema(), options={"num_predict": 40, "seed": 1}
    )
    assert isinstance(Trend.model_validate_json(answer.response or "").rises, bool)


async def test_ollama_hears_a_tools_answer(ollama_client: ollama.AsyncClient) -> None:
    call = {"function": {"name": "add", "arguments": {"a": 1, "b": 2}}}
    messages: list[Any] = [
        *SAID,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "content": "3"},
    ]
    answer = await ollama_client.chat("tiny", messages=messages, options=OPTIONS)
    assert answer.eval_count == 4


async def test_ollama_is_told_of_a_prompt_too_long(ollama_client: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError, match=r"has \d+ tokens, and smollm2 takes \d+ here"):
        async for _ in await ollama_client.generate("tiny", "word " * 9000, stream=True):
            pass


async def test_responses_whole_and_streamed_say_the_same(openai_client: openai.AsyncOpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "tiny",
        "input": "Say hello.",
        "max_output_tokens": 4,
        "temperature": 0.0,
    }
    whole = await openai_client.responses.create(**asked)
    events: list[Any] = [each async for each in await openai_client.responses.create(**asked, stream=True)]
    last = events[-1].response
    assert last.output_text == whole.output_text != ""
    assert whole.usage is not None
    assert whole.usage.output_tokens == last.usage.output_tokens == 4
    assert (whole.status, last.status) == ("incomplete", "incomplete")


async def test_responses_by_a_schema(openai_client: openai.AsyncOpenAI) -> None:
    response = await openai_client.responses.parse(
        model="tiny", input="Do sales rise?", text_format=Trend, max_output_tokens=40
    )
    assert isinstance(response.output_parsed, Trend)


async def test_responses_hear_a_tools_answer(openai_client: openai.AsyncOpenAI) -> None:
    said: list[Any] = [
        {"role": "user", "content": [{"type": "input_text", "text": "What is 1 + 2?"}]},
        {"type": "function_call", "call_id": "c_1", "name": "add", "arguments": '{"a": 1, "b": 2}'},
        {"type": "function_call_output", "call_id": "c_1", "output": "3"},
    ]
    response = await openai_client.responses.create(
        model="tiny",
        instructions="Be brief.",
        input=said,
        tools=[ADD],
        reasoning={"effort": "low"},
        max_output_tokens=4,
    )
    assert response.usage is not None
    assert response.usage.output_tokens == 4
    assert response.output_text


async def test_a_model_that_sees_is_shown_the_image(seeing_engine_url: str, open_door: OpenDoor) -> None:
    door = await open_door(backend(seeing_engine_url, engine_key="", sees=True))
    async with ollama.AsyncClient(host=door.url) as client:
        without = await client.chat("tiny", messages=SAID, options=OPTIONS)
        messages = [{**SAID[0], "images": [drawn().partition(",")[2]]}]
        seen = await client.chat("tiny", messages=messages, options=OPTIONS)
    assert seen.prompt_eval_count and without.prompt_eval_count
    assert seen.prompt_eval_count > without.prompt_eval_count + 10


async def test_reranking_is_refused_in_words(door: Door) -> None:
    answer = await door.post("/v1/rerank", {"model": "tiny", "query": "a", "documents": ["a", "b"]})
    error = json.loads(answer.text)["error"]
    assert (answer.status, error["code"]) == (501, "not_supported")
    assert (
        error["message"]
        == "smollm2 is served for chat and does not rerank. Serve a reranking model for that."
    )
