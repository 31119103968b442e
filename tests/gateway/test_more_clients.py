"""openai, LangChain: tools, images, structured answers, blocking and not; and what their exceptions say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Protocol

import ollama
import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from openai import pydantic_function_tool
from pydantic import BaseModel, SecretStr

from tests.fakes.engine import USAGE, FakeEngine
from tests.gateway.conftest import Door, NotedReader, OpenDoor, backend
from tests.gateway.surfaces.conftest import asked
from tests.gateway.test_describe import drawn

ANSWER = "The sales rise."


class Trend(BaseModel):
    rises: bool


class Add(BaseModel):
    """Add two numbers."""

    a: int
    b: int


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def said(text: str) -> Any:
    return [{"role": "user", "content": text}]


def about_a_figure() -> Any:
    """As OpenAI's clients and LangChain write it."""
    return [{"type": "image_url", "image_url": {"url": drawn()}}, {"type": "text", "text": "What rises?"}]


@pytest.fixture
async def client(door: Door) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as made:
        yield made


@pytest.fixture
async def seeing(engine: FakeEngine, open_door: OpenDoor) -> Door:
    """Before a model that takes images as they are."""
    return await open_door(backend(engine.url, sees=True))


class TestOpenai:
    async def test_tools(self, client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
        tools = [pydantic_function_tool(Add, name="add")]
        answer = await client.chat.completions.create(
            model="tiny", messages=said("call a tool"), tools=tools, tool_choice="auto"
        )
        [call] = answer.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert (call.function.name, call.function.arguments) == ("add", '{"a": 1, "b": 2}')
        assert asked(engine)["tools"][0]["function"]["parameters"]["required"] == ["a", "b"]

    async def test_tools_as_a_stream(self, client: openai.AsyncOpenAI) -> None:
        tools = [pydantic_function_tool(Add, name="add")]
        async with client.chat.completions.stream(
            model="tiny", messages=said("call a tool"), tools=tools
        ) as stream:
            answer = await stream.get_final_completion()
        [call] = answer.choices[0].message.tool_calls or []
        assert call.function.parsed_arguments == Add(a=1, b=2)

    async def test_a_structured_answer(self, client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
        answer = await client.chat.completions.parse(
            model="tiny", messages=said("say json"), response_format=Trend
        )
        assert answer.choices[0].message.parsed == Trend(rises=True)
        given = asked(engine)["response_format"]["json_schema"]
        assert (given["name"], given["strict"]) == ("Trend", True)

    async def test_an_image_goes_on_as_it_is(self, seeing: Door, engine: FakeEngine) -> None:
        messages: Any = [{"role": "user", "content": about_a_figure()}]
        async with openai.AsyncOpenAI(base_url=f"{seeing.url}/v1", api_key="EMPTY") as client:
            await client.chat.completions.create(model="tiny", messages=messages)
        assert asked(engine)["messages"] == messages

    async def test_blocking_and_streamed(self, door: Door) -> None:
        def ask() -> tuple[str, int]:
            with openai.OpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as client:
                stream = client.chat.completions.create(
                    model="tiny", messages=said("hi"), stream=True, stream_options={"include_usage": True}
                )
                *chunks, last = stream
                assert last.usage
                text = "".join(each.choices[0].delta.content or "" for each in chunks)
                return text, last.usage.total_tokens

        assert await asyncio.to_thread(ask) == (ANSWER, USAGE["total_tokens"])

    async def test_the_blocking_one_does_the_same(self, seeing: Door, engine: FakeEngine) -> None:
        figure: Any = [{"role": "user", "content": about_a_figure()}]

        def ask() -> None:
            with openai.OpenAI(base_url=f"{seeing.url}/v1", api_key="EMPTY", max_retries=0) as client:
                called = client.chat.completions.parse(
                    model="tiny",
                    messages=said("call a tool"),
                    tools=[pydantic_function_tool(Add, name="add")],
                )
                [call] = called.choices[0].message.tool_calls or []
                assert call.function.parsed_arguments == Add(a=1, b=2)
                parsed = client.chat.completions.parse(
                    model="tiny", messages=said("say json"), response_format=Trend
                )
                assert parsed.choices[0].message.parsed == Trend(rises=True)
                client.chat.completions.create(model="tiny", messages=figure)
                assert asked(engine)["messages"] == figure
                with pytest.raises(openai.NotFoundError, match="Did you mean tiny"):
                    client.chat.completions.create(model="tinny", messages=said("hi"))
                with pytest.raises(openai.APIError, match="stopped in the middle of its answer"):
                    list(
                        client.chat.completions.create(
                            model="tiny", messages=said("cut mid-event"), stream=True
                        )
                    )

        await asyncio.to_thread(ask)


class Through(Protocol):
    def __call__(self, door: Door, model: str = "tiny") -> Any: ...


@pytest.fixture
async def through_openai() -> AsyncIterator[Through]:
    """Makes LangChain's clients, which nobody else closes."""
    made: list[ChatOpenAI] = []

    def make(door: Door, model: str = "tiny") -> ChatOpenAI:
        url = f"{door.url}/v1"
        made.append(ChatOpenAI(model=model, base_url=url, api_key=SecretStr("EMPTY"), max_retries=0))
        return made[-1]

    yield make
    for each in made:
        await each.root_async_client.close()
        each.root_client.close()


@pytest.fixture
def chat_openai(door: Door, through_openai: Through) -> ChatOpenAI:
    chat: ChatOpenAI = through_openai(door)
    return chat


class TestLangChainWithOpenai:
    async def test_whole_and_streamed(self, chat_openai: ChatOpenAI) -> None:
        whole = await chat_openai.ainvoke("hi")
        pieces = [piece async for piece in chat_openai.astream("hi", stream_usage=True)]
        assert whole.content == "".join(str(piece.content) for piece in pieces) == ANSWER
        assert whole.usage_metadata is not None
        assert whole.usage_metadata["total_tokens"] == USAGE["total_tokens"]
        counted = [piece.usage_metadata for piece in pieces if piece.usage_metadata]
        assert [each["total_tokens"] for each in counted] == [USAGE["total_tokens"]]

    async def test_blocking(self, chat_openai: ChatOpenAI) -> None:
        assert (await asyncio.to_thread(chat_openai.invoke, "hi")).content == ANSWER

    @pytest.mark.parametrize("stream", [True, False])
    async def test_tools(self, chat_openai: ChatOpenAI, stream: bool) -> None:
        assert await called(chat_openai.bind_tools([add]), stream) == [("add", {"a": 1, "b": 2})]

    async def test_a_structured_answer(self, chat_openai: ChatOpenAI, engine: FakeEngine) -> None:
        structured = chat_openai.with_structured_output(Trend, method="json_schema")
        assert await structured.ainvoke("say json") == Trend(rises=True)
        assert asked(engine)["response_format"]["json_schema"]["name"] == "Trend"

    async def test_an_image(self, seeing: Door, engine: FakeEngine, through_openai: Through) -> None:
        await through_openai(seeing).ainvoke([HumanMessage(content=about_a_figure())])
        image = asked(engine)["messages"][0]["content"][0]
        assert image["image_url"]["url"] == drawn()

    async def test_an_image_is_read_for_a_model_that_cannot_see(
        self, engine: FakeEngine, open_door: OpenDoor, through_openai: Through
    ) -> None:
        reader = NotedReader()
        door = await open_door(backend(engine.url), figures=reader)
        await through_openai(door).ainvoke([HumanMessage(content=about_a_figure())])
        assert len(reader.read_sizes) == 1

    async def test_what_fails_says_why(
        self, chat_openai: ChatOpenAI, door: Door, through_openai: Through
    ) -> None:
        with pytest.raises(openai.NotFoundError, match="Did you mean tiny"):
            await through_openai(door, "tinny").ainvoke("hi")
        # LangChain's own, which is a BadRequestError of openai's as well.
        with pytest.raises(openai.BadRequestError, match="has 9031 tokens, and smollm2 takes 4096 here"):
            await chat_openai.ainvoke("too long")
        with pytest.raises(openai.APIError, match="stopped in the middle of its answer"):
            [piece async for piece in chat_openai.astream("cut mid-event")]
        with pytest.raises(openai.BadRequestError, match="has 9031 tokens"):
            await asyncio.to_thread(chat_openai.invoke, "too long")


@pytest.fixture
async def through_ollama() -> AsyncIterator[Through]:
    made: list[ChatOllama] = []

    def make(door: Door, model: str = "tiny") -> ChatOllama:
        made.append(ChatOllama(model=model, base_url=door.url))
        return made[-1]

    yield make
    for each in made:
        # Of ollama's own, which has no types for this.
        await each._async_client._client.aclose()
        each._client._client.close()


@pytest.fixture
def chat_ollama(door: Door, through_ollama: Through) -> ChatOllama:
    chat: ChatOllama = through_ollama(door)
    return chat


class TestLangChainWithOllama:
    async def test_whole_and_streamed(self, chat_ollama: ChatOllama) -> None:
        whole = await chat_ollama.ainvoke("hi")
        pieces = [piece async for piece in chat_ollama.astream("hi")]
        assert whole.content == "".join(str(piece.content) for piece in pieces) == ANSWER
        assert whole.usage_metadata is not None
        assert whole.usage_metadata["total_tokens"] == USAGE["total_tokens"]

    async def test_blocking(self, chat_ollama: ChatOllama) -> None:
        assert (await asyncio.to_thread(chat_ollama.invoke, "hi")).content == ANSWER

    @pytest.mark.parametrize("stream", [True, False])
    async def test_tools(self, chat_ollama: ChatOllama, stream: bool) -> None:
        assert await called(chat_ollama.bind_tools([add]), stream) == [("add", {"a": 1, "b": 2})]

    async def test_a_structured_answer(self, chat_ollama: ChatOllama, engine: FakeEngine) -> None:
        structured = chat_ollama.with_structured_output(Trend, method="json_schema")
        assert await structured.ainvoke("say json") == Trend(rises=True)
        assert asked(engine)["response_format"]["json_schema"]["schema"]["required"] == ["rises"]

    async def test_an_image(self, seeing: Door, engine: FakeEngine, through_ollama: Through) -> None:
        await through_ollama(seeing).ainvoke([HumanMessage(content=about_a_figure())])
        parts = asked(engine)["messages"][0]["content"]
        assert [part["image_url"]["url"] for part in parts if part["type"] == "image_url"] == [drawn()]

    async def test_what_fails_says_why(
        self, chat_ollama: ChatOllama, door: Door, through_ollama: Through
    ) -> None:
        with pytest.raises(ollama.ResponseError, match="Did you mean tiny"):
            await through_ollama(door, "tinny").ainvoke("hi")
        with pytest.raises(ollama.ResponseError, match="has 9031 tokens, and smollm2 takes 4096 here"):
            await chat_ollama.ainvoke("too long")
        with pytest.raises(ollama.ResponseError, match="stopped in the middle of its answer"):
            [piece async for piece in chat_ollama.astream("cut mid-event")]
        with pytest.raises(ollama.ResponseError, match="has 9031 tokens"):
            await asyncio.to_thread(chat_ollama.invoke, "too long")


async def called(chat: Runnable[Any, Any], stream: bool) -> list[tuple[str, dict[str, Any]]]:
    """The tools that it called, as LangChain understands them."""
    if stream:
        pieces = [piece async for piece in chat.astream("call a tool")]
        message = pieces[0]
        for piece in pieces[1:]:
            message += piece
    else:
        message = await chat.ainvoke("call a tool")
    return [(call["name"], call["args"]) for call in message.tool_calls]
