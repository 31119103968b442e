"""The clients that people use read grounded answers, whether or not they know what came with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from kanoa import AnalyticsInterpreter
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.fakes.reciting import RecitingEngine
from tests.gateway.conftest import Door
from tests.gateway.grounded.conftest import DRIFT, search

QUESTION = "Why does the sensor drift in May?"
MESSAGES: list[Any] = [{"role": "user", "content": QUESTION}]
TOOLS: Any = [search()]
ANSWER = "Drift was beyond the limit [1]."


@pytest.fixture
async def client(door: Door) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as made:
        yield made


async def test_openai_reads_annotations_context_and_status(client: openai.AsyncOpenAI) -> None:
    answer: Any = await client.chat.completions.create(model="tiny", messages=MESSAGES, tools=TOOLS)
    said = answer.choices[0].message
    [annotation] = said.annotations
    place = annotation.url_citation
    assert said.content[place.start_index : place.end_index] == "[1]"
    assert place.title == "calibration.pdf, p. 2"
    assert said.context["citations"][0]["content"] == DRIFT
    assert answer.grounding["status"] == "grounded"


async def test_openai_streams(client: openai.AsyncOpenAI) -> None:
    stream: Any = await client.chat.completions.create(
        model="tiny", messages=MESSAGES, tools=TOOLS, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    [told] = [chunk for chunk in chunks if getattr(chunk, "grounding", None)]
    assert told.choices[0].delta.annotations[0]["url_citation"]["start_index"] == 27
    assert chunks[-1].usage.completion_tokens == 4


async def test_the_streaming_helper(client: openai.AsyncOpenAI) -> None:
    # It wants functions alone in `tools`, so that others go beside them.
    extra = {"tools": TOOLS}
    async with client.chat.completions.stream(model="tiny", messages=MESSAGES, extra_body=extra) as stream:
        kinds = [event.type async for event in stream]
        final: Any = await stream.get_final_completion()
    assert kinds.count("content.done") == 1
    said = final.choices[0].message
    assert (said.content, final.choices[0].finish_reason) == (ANSWER, "stop")
    assert said.annotations[0].url_citation.end_index == 30
    assert said.context["citations"][0]["cited"] is True


async def test_the_blocking_client(door: Door) -> None:
    def ask() -> list[Any]:
        with openai.OpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as client:
            whole: Any = client.chat.completions.create(model="tiny", messages=MESSAGES, tools=TOOLS)
            extra = {"tools": TOOLS}
            asking = client.chat.completions.stream(model="tiny", messages=MESSAGES, extra_body=extra)
            with asking as stream:
                streamed: Any = stream.get_final_completion()
            response: Any = client.responses.create(model="tiny", input=QUESTION, tools=TOOLS)
            return [
                whole.choices[0].message.annotations,
                streamed.choices[0].message.annotations,
                response.output[-1].content[0].annotations,
            ]

    for each in await asyncio.to_thread(ask):
        assert len(each) == 1


async def test_errors_have_their_classes(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no vector store 'nobody'") as caught:
        await client.chat.completions.create(model="tiny", messages=MESSAGES, tools=[search("nobody")])  # type: ignore[list-item]
    assert caught.value.code == "vector_store_not_found"


async def test_responses_have_the_search_and_file_citations(client: openai.AsyncOpenAI) -> None:
    include: Any = ["file_search_call.results"]
    response: Any = await client.responses.create(
        model="tiny", input=QUESTION, tools=TOOLS, tool_choice={"type": "file_search"}, include=include
    )
    call, said = response.output
    assert (call.type, call.status, call.queries) == (
        "file_search_call",
        "completed",
        ["sensor drift in May"],
    )
    assert (call.results[0].text, call.results[0].filename) == (DRIFT, "calibration.pdf")
    assert 0 <= call.results[0].score <= 1
    [annotation] = said.content[0].annotations
    assert (annotation.type, annotation.filename, annotation.index) == (
        "file_citation",
        "calibration.pdf",
        27,
    )
    assert annotation.file_id == call.results[0].file_id
    assert response.grounding["status"] == "grounded"
    bare: Any = await client.responses.create(model="tiny", input=QUESTION, tools=TOOLS)
    assert bare.output[0].results is None


async def test_responses_stream_their_events(client: openai.AsyncOpenAI) -> None:
    stream: Any = await client.responses.create(model="tiny", input=QUESTION, tools=TOOLS, stream=True)
    events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds[:10] == [
        "created",
        "in_progress",
        "output_item.added",
        "file_search_call.in_progress",
        "file_search_call.searching",
        "file_search_call.completed",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
    ]
    assert kinds[-5:] == [
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    final = events[-1].response
    assert [item.type for item in final.output] == ["file_search_call", "message"]
    assert final.output_text == ANSWER
    [annotation] = final.output[1].content[0].annotations
    assert dict(events[-5].annotation) == annotation.model_dump()
    assert final.grounding["cited"] == 1
    async with client.responses.stream(model="tiny", input=QUESTION, tools=TOOLS) as helped:
        parsed: Any = await helped.get_final_response()
    assert len(parsed.output[1].content[0].annotations) == 1


async def test_responses_take_the_gateways_own_options(door: Door) -> None:
    body = {"model": "tiny", "input": QUESTION, "tools": TOOLS, "grounding": {"query": "cooling water"}}
    answer = json.loads((await door.post("/v1/responses", body)).text)
    assert answer["grounding"]["query"] == ["cooling water"]
    wrong = await door.post("/v1/responses", body | {"grounding": {"mode": "no"}})
    assert json.loads(wrong.text)["error"]["param"] == "grounding.mode"
    unknown = await door.post("/v1/responses", body | {"tools": [search("nobody")]})
    assert unknown.status == 404


async def test_langchain(door: Door) -> None:
    chat = ChatOpenAI(
        base_url=f"{door.url}/v1",
        api_key=SecretStr("EMPTY"),
        model="tiny",
        max_retries=0,
        use_responses_api=False,  # which it takes by itself where it sees this tool
    )
    bound = chat.bind(tools=TOOLS)
    assert (await bound.ainvoke(QUESTION)).content == ANSWER
    pieces = [piece async for piece in bound.astream(QUESTION)]
    assert "".join(str(piece.content) for piece in pieces) == ANSWER


async def test_langchain_by_responses(door: Door) -> None:
    chat = ChatOpenAI(
        base_url=f"{door.url}/v1",
        api_key=SecretStr("EMPTY"),
        model="tiny",
        max_retries=0,
        use_responses_api=True,
    )
    said: Any = await chat.bind(tools=TOOLS).ainvoke(QUESTION)
    [block] = [block for block in said.content if block["type"] == "text"]
    assert (block["text"], len(block["annotations"])) == (ANSWER, 1)


async def test_kanoa_reads_the_stream(door: Door, reciter: RecitingEngine) -> None:
    """Its client is told once; then every interpretation is grounded, and the sources stand in its text."""

    def interpret() -> Any:
        interpreter = AnalyticsInterpreter(
            backend="vllm", api_base=f"{door.url}/v1", model="tiny", api_key="local"
        )
        client = interpreter.backend.client
        create, extra = client.chat.completions.create, {"grounding": {"citations": "sources"}}
        client.chat.completions.create = lambda **given: create(**given, tools=TOOLS, extra_body=extra)
        return interpreter.interpret(
            data="1 2 3", context="sensor drift in May", stream=False, display_result=False
        )

    result = await asyncio.to_thread(interpret)
    assert result.text == f"{ANSWER}\n\nSources:\n[1] calibration.pdf, p. 2"
    assert result.usage.output_tokens == 4
    assert DRIFT in reciter.question
