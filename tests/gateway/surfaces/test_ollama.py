"""Ollama's own client, unchanged, before the gateway."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import ollama
import pytest

from kanoa_mlops.gateway.line import Terms
from tests.fakes.engine import USAGE, FakeEngine
from tests.gateway.conftest import HUB_NAME, Door, NotedReader, OpenDoor, backend
from tests.gateway.surfaces.conftest import asked

PNG = b"\x89PNG of a figure"
CHAT, GENERATE = "/api/chat", "/api/generate"


def said(text: str, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text, **more}]


def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: one
        b: the other
    """
    return a + b


def counts_and_times(answer: Any) -> None:
    assert answer.done is True
    assert answer.prompt_eval_count == USAGE["prompt_tokens"]
    assert answer.eval_count == USAGE["completion_tokens"]
    assert answer.total_duration >= answer.eval_duration > 0
    assert answer.total_duration >= answer.load_duration
    assert answer.prompt_eval_duration > 0


async def test_whole(ollama_client: ollama.AsyncClient, engine: FakeEngine) -> None:
    answer = await ollama_client.chat("tiny", messages=said("hi"))
    assert answer.message.content == "The sales rise."
    assert (answer.model, answer.done_reason) == ("tiny", "stop")
    counts_and_times(answer)
    assert asked(engine) == {"model": "smollm2", "messages": said("hi"), "stream": False}


async def test_streamed(ollama_client: ollama.AsyncClient, engine: FakeEngine) -> None:
    lines = [line async for line in await ollama_client.chat("tiny", messages=said("hi"), stream=True)]
    assert [line.message.content for line in lines] == ["The", " sales", " rise", ".", ""]
    assert [line.done for line in lines] == [False] * 4 + [True]
    counts_and_times(lines[-1])
    assert asked(engine)["stream_options"] == {"include_usage": True}


async def test_the_blocking_client(door: Door) -> None:
    def ask() -> tuple[str | None, str]:
        with ollama.Client(host=door.url) as client:
            whole = client.chat("smollm2:latest", messages=said("hi"))
            lines = client.generate("smollm2", "hi", stream=True)
            return whole.message.content, "".join(line.response or "" for line in lines)

    assert await asyncio.to_thread(ask) == ("The sales rise.", "The sales rise.")


async def test_the_blocking_client_is_told_what_fails(door: Door) -> None:
    def ask() -> None:
        with ollama.Client(host=door.url) as client:
            with pytest.raises(ollama.ResponseError, match="Did you mean") as refused:
                client.chat("smollm", messages=said("hi"))
            assert refused.value.status_code == 404
            with pytest.raises(ollama.ResponseError, match="stopped in the middle of its answer"):
                list(client.chat("smollm2", messages=said("cut mid-event"), stream=True))

    await asyncio.to_thread(ask)


@pytest.mark.parametrize("path", [CHAT, GENERATE])
async def test_what_says_nothing_of_streams_is_streamed(door: Door, path: str) -> None:
    answer = await door.post(path, {"model": "tiny", "prompt": "hi", "messages": said("hi")})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["x-kanoa-model"] == "smollm2"
    *_, last = [json.loads(line) for line in answer.text.splitlines()]
    assert last["done"] is True


async def test_a_prompt(ollama_client: ollama.AsyncClient, engine: FakeEngine) -> None:
    answer = await ollama_client.generate("tiny", "hi", system="Be brief.")
    assert answer.response == "The sales rise."
    counts_and_times(answer)
    assert asked(engine)["messages"] == [{"role": "system", "content": "Be brief."}, *said("hi")]


async def test_images_reach_a_model_that_sees(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url, sees=True))
    async with ollama.AsyncClient(host=door.url) as client:
        await client.chat("tiny", messages=said("What rises?", images=[PNG]))
    [image, text] = asked(engine)["messages"][0]["content"]
    assert image["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert text == {"type": "text", "text": "What rises?"}


async def test_images_are_read_for_one_that_does_not(engine: FakeEngine, open_door: OpenDoor) -> None:
    reader = NotedReader()
    door = await open_door(backend(engine.url), figures=reader)
    async with ollama.AsyncClient(host=door.url) as client:
        await client.chat("tiny", messages=said("What rises?", images=[PNG]), stream=False)
    assert reader.read_sizes == [len(PNG)]


@pytest.mark.parametrize("stream", [True, False])
async def test_tools(ollama_client: ollama.AsyncClient, engine: FakeEngine, stream: bool) -> None:
    if stream:
        pieces = await ollama_client.chat("tiny", messages=said("call a tool"), tools=[add], stream=True)
        *_, calling, last = [line async for line in pieces]
        assert last.done
    else:
        calling = await ollama_client.chat("tiny", messages=said("call a tool"), tools=[add])
    assert calling.message.tool_calls is not None
    [call] = calling.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("add", {"a": 1, "b": 2})
    [tool] = asked(engine)["tools"]
    assert tool["function"]["name"] == "add"
    assert list(tool["function"]["parameters"]["properties"]) == ["a", "b"]


async def test_a_tools_answer_finds_its_call(ollama_client: ollama.AsyncClient, engine: FakeEngine) -> None:
    first = await ollama_client.chat("tiny", messages=said("call two"), tools=[add])
    answers = [
        {"role": "tool", "content": text, "tool_name": name} for name, text in [("now", "9"), ("add", "3")]
    ]
    await ollama_client.chat("tiny", messages=[*said("call two"), first.message, *answers])
    _, calling, now, sum = asked(engine)["messages"]
    assert [call["function"]["arguments"] for call in calling["tool_calls"]] == ['{"a": 1}', "{}"]
    ids = [call["id"] for call in calling["tool_calls"]]
    assert [now["tool_call_id"], sum["tool_call_id"]] == [ids[1], ids[0]]


async def test_a_call_cut_for_its_length_is_no_call(ollama_client: ollama.AsyncClient) -> None:
    answer = await ollama_client.chat("tiny", messages=said("call until cut"), tools=[add])
    assert (answer.message.tool_calls, answer.done_reason) == (None, "length")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_call_that_is_no_call_is_an_error(ollama_client: ollama.AsyncClient, stream: bool) -> None:
    with pytest.raises(ollama.ResponseError, match="'add' with arguments that are no JSON object"):
        answer = await ollama_client.chat("tiny", messages=said("call badly"), tools=[add], stream=stream)  # type: ignore[call-overload]
        [line async for line in answer]


async def test_format(ollama_client: ollama.AsyncClient, engine: FakeEngine) -> None:
    await ollama_client.chat("tiny", messages=said("hi"), format="json")
    assert asked(engine)["response_format"] == {"type": "json_object"}
    schema = {"type": "object", "properties": {"rises": {"type": "boolean"}}}
    await ollama_client.generate("tiny", "hi", format=schema)
    given = asked(engine)["response_format"]["json_schema"]
    assert (given["schema"], given["strict"]) == (schema, True)


@pytest.mark.parametrize("stream", [True, False])
async def test_thinking(ollama_client: ollama.AsyncClient, engine: FakeEngine, stream: bool) -> None:
    asking = {"model": "tiny", "messages": said("think first"), "think": "low"}
    if stream:
        lines = [line async for line in await ollama_client.chat(**asking, stream=True)]  # type: ignore[call-overload]
    else:
        lines = [await ollama_client.chat(**asking)]  # type: ignore[call-overload]
    assert "".join(line.message.thinking or "" for line in lines) == "Let me see."
    assert "".join(line.message.content or "" for line in lines) == "They rise."
    assert asked(engine)["reasoning_effort"] == "low"
    await ollama_client.chat("tiny", messages=said("hi"), think=False)
    assert asked(engine)["chat_template_kwargs"] == {"enable_thinking": False}


async def test_options(ollama_client: ollama.AsyncClient, engine: FakeEngine) -> None:
    options = {"num_predict": 9, "temperature": 0.5, "top_k": 3.0, "seed": 7, "stop": ["."], "num_ctx": 99}
    await ollama_client.chat("tiny", messages=said("hi"), options=options)
    sent = asked(engine)
    assert {name: sent[name] for name in ("max_tokens", "temperature", "top_k", "seed", "stop")} == {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_k": 3,
        "seed": 7,
        "stop": ["."],
    }
    assert "num_ctx" not in sent
    await ollama_client.chat("tiny", messages=said("hi"), options={"num_predict": -1})
    assert "max_tokens" not in asked(engine)


async def test_cut_for_its_length(ollama_client: ollama.AsyncClient) -> None:
    answer = await ollama_client.generate("tiny", "talk too long")
    assert (answer.response, answer.done_reason) == ("And so", "length")


async def test_half_a_letter_is_passed_on(door: Door) -> None:
    answer = await door.post(CHAT, {"messages": said("half a letter")})
    assert json.loads(answer.text.splitlines()[0])["message"]["content"] == "\ud83d"


async def test_what_is_served(ollama_client: ollama.AsyncClient, door: Door) -> None:
    [model] = (await ollama_client.list()).models
    assert model.model == "smollm2"
    assert len(model.digest or "") == 64
    [loaded] = (await ollama_client.ps()).models
    assert (loaded.name, loaded.context_length) == ("smollm2", 4096)
    shown = await ollama_client.show(HUB_NAME)
    assert shown.modelinfo is not None
    assert shown.modelinfo[f"{shown.modelinfo['general.architecture']}.context_length"] == 4096
    assert shown.capabilities == ["completion", "tools"]
    version = json.loads((await door.get("/api/version")).text)
    assert version["kanoa-mlops"] == "1.2.3"


async def test_figures_that_are_read_count_as_seen(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), figures=NotedReader())
    shown = json.loads((await door.post("/api/show", {"name": "tiny"})).text)
    assert "vision" in shown["capabilities"]


async def test_what_is_not_loaded_is_not_running(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url, state="loading"), terms=Terms(queue_seconds=0.1))
    assert json.loads((await door.get("/api/ps")).text) == {"models": []}
    answer = await door.post(CHAT, {"model": "tiny", "messages": said("hi")})
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert json.loads(answer.text)["error"].endswith("as long as it may; smollm2 is loading.")


async def test_embeddings(ollama_client: ollama.AsyncClient, engine: FakeEngine) -> None:
    answer = await ollama_client.embed("tiny", input="hi", dimensions=1)
    assert (answer.embeddings, answer.prompt_eval_count) == ([[0.5]], 7)
    assert engine.received[-1].path == "/v1/embeddings"
    assert engine.received[-1].fields == {
        "model": "smollm2",
        "input": "hi",
        "dimensions": 1,
        "encoding_format": "float",
    }
    assert (await ollama_client.embeddings("tiny", prompt="hi")).embedding == [0.5]
    assert (await ollama_client.embed("tiny", input=[])).embeddings == []


async def test_who_says_nothing_loads_the_model(
    ollama_client: ollama.AsyncClient, engine: FakeEngine
) -> None:
    assert (await ollama_client.generate("tiny", keep_alive=-1)).done_reason == "load"
    assert (await ollama_client.chat("tiny", messages=[])).done_reason == "load"
    assert not engine.received
    with pytest.raises(ollama.ResponseError, match="cannot unload a model here"):
        await ollama_client.generate("tiny", keep_alive=0)


async def test_errors(ollama_client: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError, match="Did you mean tiny") as caught:
        await ollama_client.chat("tinny", messages=said("hi"))
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="The request has 9031 tokens"):
        await ollama_client.chat("tiny", messages=said("too long"))
    with pytest.raises(ollama.ResponseError, match="owner serves one") as caught:
        await ollama_client.pull("llama3")
    assert caught.value.status_code == 501
    for refused in (
        ollama_client.delete("a"),
        ollama_client.copy("a", "b"),
        ollama_client.create("a", from_="b"),
    ):
        with pytest.raises(ollama.ResponseError, match="owner serves one"):
            await refused


@pytest.mark.parametrize("doing", ["cut mid-event", "error event later", "cut between events"])
async def test_an_error_in_the_middle_raises(ollama_client: ollama.AsyncClient, doing: str) -> None:
    heard = []
    with pytest.raises(ollama.ResponseError, match=r"stopped in the middle|fell off the bus"):
        async for line in await ollama_client.chat("tiny", messages=said(doing), stream=True):
            heard.append(line.message.content)
    assert heard[0] == "The"


async def test_waiting_is_a_line_that_adds_nothing(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url))
    answer = await door.post(CHAT, {"messages": said("comments first")})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert "".join(line["message"]["content"] for line in lines) == "The"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": "hi", "raw": True}, "/v1/completions"),
        ({"prompt": "hi", "suffix": "x"}, "Text between two others"),
        ({"prompt": "hi", "format": "yaml"}, "'format' must be"),
        ({"prompt": 5}, "'prompt' must be a string."),
        ({"prompt": "hi", "options": {"seed": "x"}}, "'options.seed' must be a whole number."),
        ({"prompt": "hi", "images": ["!"]}, "base64"),
    ],
)
async def test_what_makes_no_sense(door: Door, fields: dict[str, Any], message: str) -> None:
    answer = await door.post(GENERATE, fields)
    assert answer.status == 400, answer.text
    assert message in json.loads(answer.text)["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", CHAT, 405), ("GET", "/api/nothing", 404), ("POST", "/api/show", 400)],
)
async def test_every_error_is_in_ollamas_words(door: Door, method: str, path: str, status: int) -> None:
    answer = await door.ask(method, path)
    assert answer.status == status
    assert isinstance(json.loads(answer.text)["error"], str)


async def test_a_foreign_page_too(door: Door) -> None:
    answer = await door.post(CHAT, {}, headers={"origin": "http://evil.example"})
    assert answer.status == 403
    assert "Origin" in json.loads(answer.text)["error"]
