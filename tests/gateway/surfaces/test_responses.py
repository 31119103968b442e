"""OpenAI's own client with its Responses, before engines that are asked for chat completions."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.fakes.engine import USAGE, FakeEngine
from tests.gateway.conftest import Door, NotedReader, OpenDoor, backend
from tests.gateway.surfaces.conftest import asked

PNG = f"data:image/png;base64,{base64.b64encode(bytes([0x89]) + b'PNG').decode()}"
ADD: Any = {
    "type": "function",
    "name": "add",
    "description": "Add two numbers.",
    "parameters": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}},
    "strict": False,
}
NOW: Any = {"type": "function", "name": "now", "parameters": {}}


class Trend(BaseModel):
    rises: bool


async def test_whole(openai_client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    response = await openai_client.responses.create(
        model="tiny", instructions="Be brief.", input="hi", max_output_tokens=9, temperature=0.5
    )
    assert response.output_text == "The sales rise."
    assert (response.status, response.model) == ("completed", "tiny")
    assert response.model_extra == {"store": False}
    assert response.usage is not None
    assert response.usage.input_tokens == USAGE["prompt_tokens"]
    assert response.usage.output_tokens == USAGE["completion_tokens"]
    assert asked(engine) == {
        "model": "smollm2",
        "temperature": 0.5,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "max_tokens": 9,
    }


async def test_streamed_event_by_event(openai_client: openai.AsyncOpenAI) -> None:
    stream = await openai_client.responses.create(model="tiny", input="hi", stream=True)
    events: list[Any] = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 4,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert events[0].response.status == "in_progress"
    assert events[8].text == "The sales rise."
    assert events[-1].response.output == [events[-2].item]
    assert events[-1].response.usage.total_tokens == USAGE["total_tokens"]
    assert events[-1].response.id == events[0].response.id


async def test_the_streaming_helper_parses(openai_client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    async with openai_client.responses.stream(model="tiny", input="say json", text_format=Trend) as stream:
        response = await stream.get_final_response()
    assert response.output_parsed == Trend(rises=True)
    given = asked(engine)["response_format"]["json_schema"]
    assert (given["name"], given["strict"]) == ("Trend", True)
    assert given["schema"]["required"] == ["rises"]


async def test_a_schema_is_parsed(openai_client: openai.AsyncOpenAI) -> None:
    response = await openai_client.responses.parse(model="tiny", input="say json", text_format=Trend)
    assert response.output_parsed == Trend(rises=True)


async def test_the_blocking_client(door: Door) -> None:
    def ask() -> tuple[str, str]:
        with openai.OpenAI(base_url=door.url, api_key="EMPTY", max_retries=0) as client:
            whole = client.responses.create(model="tiny", input="hi").output_text
            with client.responses.stream(model="tiny", input="hi") as stream:
                return whole, stream.get_final_response().output_text

    assert await asyncio.to_thread(ask) == ("The sales rise.", "The sales rise.")


@pytest.mark.parametrize("stream", [True, False])
async def test_tools(openai_client: openai.AsyncOpenAI, engine: FakeEngine, stream: bool) -> None:
    asking: dict[str, Any] = {"model": "tiny", "input": "call two", "tools": [ADD, NOW]}
    if stream:
        async with openai_client.responses.stream(**asking) as events:
            kinds = [event.type async for event in events]
            response: Any = await events.get_final_response()
        assert kinds.count("response.function_call_arguments.delta") == 2
        assert kinds.count("response.function_call_arguments.done") == 2
    else:
        response = await openai_client.responses.create(**asking)
    calls = [(call.type, call.call_id, call.name, call.arguments, call.status) for call in response.output]
    assert calls == [
        ("function_call", "c_1", "add", '{"a": 1}', "completed"),
        ("function_call", "c_2", "now", "{}", "completed"),
    ]
    tool, _ = asked(engine)["tools"]
    function = {name: value for name, value in ADD.items() if name != "type"}
    assert tool == {"type": "function", "function": function}


async def test_a_whole_conversation(openai_client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    first = await openai_client.responses.create(model="tiny", input="call a tool", tools=[ADD])
    [call] = first.output
    given: list[Any] = [
        {"role": "developer", "content": "Count."},
        {"role": "user", "content": [{"type": "input_text", "text": "call a tool"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "I add."}]},
        call.model_dump(),
        {"type": "function_call_output", "call_id": "c_1", "output": "3"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "3", "annotations": []}]},
        {"type": "message", "role": "user", "content": "thanks"},
    ]
    await openai_client.responses.create(model="tiny", instructions="Be brief.", input=given, tools=[ADD])
    made = {"id": "c_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
    assert asked(engine)["messages"] == [
        {"role": "system", "content": "Be brief.\n\nCount."},
        {"role": "user", "content": "call a tool"},
        {"role": "assistant", "content": "", "reasoning_content": "I add.", "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "c_1", "content": "3"},
        {"role": "assistant", "content": "3"},
        {"role": "user", "content": "thanks"},
    ]


@pytest.mark.parametrize(
    ("choice", "mode", "names"),
    [
        ("none", "none", ["add", "now"]),
        ({"type": "function", "name": "now"}, "required", ["now"]),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "add"}]},
            "auto",
            ["add"],
        ),
    ],
)
async def test_tool_choice(
    openai_client: openai.AsyncOpenAI, engine: FakeEngine, choice: Any, mode: str, names: list[str]
) -> None:
    await openai_client.responses.create(model="tiny", input="hi", tools=[ADD, NOW], tool_choice=choice)
    assert asked(engine)["tool_choice"] == mode
    assert [tool["function"]["name"] for tool in asked(engine)["tools"]] == names


async def test_thinking(openai_client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    stream = await openai_client.responses.create(
        model="tiny", input="think first", reasoning={"effort": "low"}, stream=True
    )
    events: list[Any] = [event async for event in stream]
    assert (
        "".join(each.delta for each in events if each.type == "response.reasoning_text.delta")
        == "Let me see."
    )
    thought, said = events[-1].response.output
    assert (thought.type, thought.content[0].text, thought.status) == (
        "reasoning",
        "Let me see.",
        "completed",
    )
    assert said.content[0].text == "They rise."
    assert asked(engine)["reasoning_effort"] == "low"


async def test_images_are_read_for_a_model_that_cannot_see(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), figures=NotedReader())
    parts = [{"type": "input_image", "image_url": PNG}, {"type": "input_text", "text": "What rises?"}]
    answer = await door.post("/v1/responses", {"input": [{"role": "user", "content": parts}]})
    assert answer.status == 200
    assert answer.headers["x-kanoa-figure"] == "ocr"
    [message] = asked(engine)["messages"]
    assert message["content"][0]["text"] == "[figure of 4 bytes]"


@pytest.mark.parametrize("stream", [True, False])
async def test_cut_for_its_length(openai_client: openai.AsyncOpenAI, stream: bool) -> None:
    if stream:
        made = await openai_client.responses.create(model="tiny", input="talk too long", stream=True)
        last: Any = [event async for event in made][-1]
        assert last.type == "response.incomplete"
        response = last.response
    else:
        response = await openai_client.responses.create(model="tiny", input="talk too long")
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert (response.output_text, response.output[0].status) == ("And so", "incomplete")


@pytest.mark.parametrize("doing", ["cut mid-event", "error event later"])
async def test_an_error_in_the_middle(openai_client: openai.AsyncOpenAI, doing: str) -> None:
    stream = await openai_client.responses.create(model="tiny", input=doing, stream=True)
    *_, delta, told, failed = [event async for event in stream]
    assert delta.type == "response.output_text.delta"
    assert told.type == "error"
    assert failed.type == "response.failed"
    assert failed.response.status == "failed"
    assert failed.response.error is not None
    assert failed.response.error.message == told.message


async def test_comments_are_passed_on(door: Door) -> None:
    answer = await door.post("/v1/responses", {"input": "comments first", "stream": True})
    assert answer.headers["content-type"] == "text/event-stream"
    assert "event: response.completed\n" in answer.text
    assert "[DONE]" not in answer.text


async def test_errors_have_their_classes(openai_client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="Did you mean tiny"):
        await openai_client.responses.create(model="tinny", input="hi")
    with pytest.raises(openai.BadRequestError) as caught:
        await openai_client.responses.create(model="tiny", input="too long", stream=True)
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="Nothing is kept") as caught:
        await openai_client.responses.create(model="tiny", input="hi", previous_response_id="resp_1")
    assert (caught.value.code, caught.value.param) == ("unsupported_value", "previous_response_id")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": "hi", "background": True}, "background"),
        ({"input": "hi", "tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": "hi", "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"input": "hi", "tool_choice": {"type": "file_search"}}, "tool_choice.type"),
        ({"input": "hi", "tools": [ADD], "tool_choice": {"type": "function", "name": "x"}}, "tool_choice"),
        ({"input": "hi", "text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"input": "hi", "include": ["computer_call_output.output.image_url"]}, "include[0]"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "web_search_call"}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].file_id",
        ),
        ({"input": [{"role": "user", "content": [5]}]}, "input[0].content[0]"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
    ],
)
async def test_what_is_not_served_names_the_field(
    door: Door, engine: FakeEngine, fields: dict[str, Any], param: str
) -> None:
    answer = await door.post("/v1/responses", fields)
    error = json.loads(answer.text)["error"]
    assert (answer.status, error["param"], error["source"]) == (400, param, "gateway"), error
    assert not engine.received
