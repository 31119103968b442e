"""The model searches by itself: as often as it wants, within bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import openai
import pytest
from aiohttp import web

from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.metrics import Metrics
from kanoa_mlops.gateway.reception import Reception
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.runtime.fleet.fleet import Fleet
from tests.fakes.engine import USAGE
from tests.fakes.reciting import Calls, RecitingEngine, Said
from tests.gateway.conftest import Door, OpenDoor, backend
from tests.gateway.grounded.conftest import CHAT, DRIFT, Recite, asked, search
from tests.gateway.grounded.test_answers import ADD, chunks, message, told_in
from tests.gateway.test_pools import second
from tests.gateway.test_reception import Office, office

__all__ = ["office"]  # the fixture
NAME = "search_documents"
ANSWER: Said = ("It drifts [1]", ", cools [2].")
AUTO = {"mode": "auto"}


def looks_for(*queries: str, words: Said = ()) -> Calls:
    return Calls(tuple((NAME, json.dumps({"query": query})) for query in queries), words)


async def opened(
    recite: Recite, open_door: OpenDoor, library: Library, *turns: Any
) -> tuple[Door, RecitingEngine]:
    engine = await recite(*turns)
    return await open_door(backend(engine.url), library=library), engine


@pytest.mark.parametrize("stream", [True, False])
async def test_it_searches_twice_and_answers(
    recite: Recite, open_door: OpenDoor, library: Library, stream: bool
) -> None:
    turns = (looks_for("sensor drift"), looks_for("cooling water"), ANSWER)
    door, engine = await opened(recite, open_door, library, *turns)
    usage = {"stream_options": {"include_usage": True}} if stream else {}
    answer = await door.post(CHAT, asked("Tell me.", grounding=AUTO, stream=stream, **usage))
    assert answer.status == 200
    first, second, third = engine.received
    assert [tool["function"]["name"] for tool in first["tools"]] == [NAME]
    assert "papers" in first["tools"][0]["function"]["description"]
    assert [each["role"] for each in second["messages"]] == ["system", "user", "assistant", "tool"]
    assert second["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"query": "sensor drift"}'
    assert DRIFT in second["messages"][3]["content"]
    assert "\n[1] " in second["messages"][3]["content"]
    assert "\n[1] " not in third["messages"][5]["content"]  # numbers go on
    if stream:
        every = chunks(answer)
        [told] = told_in(answer)
        said = told["choices"][0]["delta"]
        grounding = told["grounding"]
        deltas = [each["choices"][0]["delta"] for each in every if each["choices"]]
        assert "".join(each.get("content", "") for each in deltas) == "".join(ANSWER)
        assert [each["role"] for each in deltas if "role" in each] == ["assistant"]
        assert not any("tool_calls" in each for each in deltas)
        assert [each["choices"][0]["finish_reason"] for each in every if each["choices"]].count("stop") == 1
        counted = every[-1]["usage"]
    else:
        said, grounding = message(answer), json.loads(answer.text)["grounding"]
        assert said["content"] == "".join(ANSWER)
        counted = json.loads(answer.text)["usage"]
    assert len(said["annotations"]) == 2
    assert grounding["query"] == ["sensor drift", "cooling water"]
    assert grounding["status"] == "grounded"
    assert counted["completion_tokens"] == 3 * USAGE["completion_tokens"]


async def test_it_need_not_search(recite: Recite, open_door: OpenDoor, library: Library) -> None:
    door, engine = await opened(recite, open_door, library, ("Hello.",))
    answer = await door.post(CHAT, asked("hi", grounding=AUTO))
    assert answer.headers["x-grounding-status"] == "not_searched"
    assert len(engine.received) == 1


async def test_it_can_be_made_to(recite: Recite, open_door: OpenDoor, library: Library) -> None:
    door, engine = await opened(recite, open_door, library, looks_for("drift"), ANSWER)
    for choice in ({"type": "file_search"}, "required"):
        engine.received.clear()
        await door.post(CHAT, asked("hi", grounding=AUTO, tool_choice=choice))
        assert [each.get("tool_choice") for each in engine.received] == ["required", None]
        assert [tool["function"]["name"] for tool in engine.received[0]["tools"]] == [NAME]


async def test_it_does_not_search_for_ever(recite: Recite, open_door: OpenDoor, library: Library) -> None:
    door, engine = await opened(recite, open_door, library, looks_for("drift"))
    answer = await door.post(CHAT, asked("hi", grounding=AUTO))
    assert [len(each.get("tools", [])) for each in engine.received] == [1, 1, 1, 0]
    # A model that still calls has its call passed on, as any call of a function that there is not.
    assert message(answer)["tool_calls"][0]["function"]["name"] == NAME


async def test_what_is_found_twice_is_given_once(
    recite: Recite, open_door: OpenDoor, library: Library
) -> None:
    turns = looks_for("sensor drift limit"), looks_for("sensor drift limit"), ANSWER
    door, engine = await opened(recite, open_door, library, *turns)
    await door.post(CHAT, asked("hi", grounding=AUTO))
    assert engine.received[2]["messages"][-1]["content"] == "Nothing was found."


@pytest.mark.parametrize(
    "arguments",
    ["", "{", "[]", '{"query": 5}', '{"query": " "}', "[" * 5000],
    ids=["nothing", "half", "list", "number", "blank", "for ever"],
)
async def test_a_call_without_a_query_searches_for_the_question(
    recite: Recite, open_door: OpenDoor, library: Library, arguments: str
) -> None:
    door, _ = await opened(recite, open_door, library, Calls(((NAME, arguments),)), ANSWER)
    answer = await door.post(CHAT, asked(grounding=AUTO))
    assert json.loads(answer.text)["grounding"]["query"] == ["sensor drift in May"]


@pytest.mark.parametrize("stream", [True, False])
async def test_functions_of_the_client_end_the_rounds(
    recite: Recite, open_door: OpenDoor, library: Library, stream: bool
) -> None:
    both = Calls(((NAME, '{"query": "drift"}'), ("add", '{"a": 1}')))
    door, engine = await opened(recite, open_door, library, both)
    body = asked("hi", grounding=AUTO, tools=[ADD, search()], stream=stream)
    answer = await door.post(CHAT, body)
    assert len(engine.received) == 1
    if stream:
        pieces = [
            piece
            for each in chunks(answer)
            if each["choices"]
            for piece in each["choices"][0]["delta"].get("tool_calls", [])
        ]
        assert [piece["function"]["name"] for piece in pieces if "name" in piece["function"]] == ["add"]
        assert answer.body.endswith(b"data: [DONE]\n\n")
    else:
        assert [each["function"]["name"] for each in message(answer)["tool_calls"]] == ["add"]


async def test_a_function_of_the_same_name_keeps_it(
    recite: Recite, open_door: OpenDoor, library: Library
) -> None:
    door, engine = await opened(recite, open_door, library, ("Hello.",))
    theirs = {"type": "function", "function": {"name": NAME, "parameters": {}}}
    await door.post(CHAT, asked("hi", grounding=AUTO, tools=[theirs, search()]))
    assert [tool["function"]["name"] for tool in engine.received[0]["tools"]] == [NAME, f"{NAME}_2"]


async def test_each_round_is_booked(
    recite: Recite, open_door: OpenDoor, library: Library, office: Office
) -> None:
    engine = await recite(looks_for("drift"), ANSWER)
    door = await open_door(
        backend(engine.url), library=library, reception=Reception(office.books, key_required=False)
    )
    await door.post(CHAT, asked("hi", grounding=AUTO))
    [total] = office.totals(Dimension.MODEL)
    assert total.prompt_tokens == 2 * USAGE["prompt_tokens"]


async def test_the_streaming_helper_of_openai(recite: Recite, open_door: OpenDoor, library: Library) -> None:
    turns = (looks_for("sensor drift", words=("Let me look. ",)), ANSWER)
    door, _ = await opened(recite, open_door, library, *turns)
    given: Any = asked("hi") | {"tools": openai.omit}
    extra = {"tools": [search()], "grounding": AUTO}
    async with (
        openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as client,
        client.chat.completions.stream(**given, extra_body=extra) as stream,
    ):
        final = await stream.get_final_completion()
    assert final.choices[0].message.content == "Let me look. It drifts [1], cools [2]."
    assert final.choices[0].message.annotations


async def test_where_the_model_calls_no_tools_it_is_searched_first(
    recite: Recite, open_door: OpenDoor, library: Library
) -> None:
    engine = await recite(ANSWER)
    door = await open_door(backend(engine.url, template_tools=False), library=library)
    answer = await door.post(CHAT, asked("How does the sensor drift?", grounding=AUTO))
    assert answer.status == 200
    [given] = engine.received
    assert "tools" not in given
    assert any(DRIFT in each["content"] for each in given["messages"])
    told = json.loads(answer.text)["grounding"]
    assert told["status"] == "grounded"
    [warning] = told["warnings"]
    assert "smollm2 calls no tools here" in warning


class Ending(RecitingEngine):
    """Breaks off whatever it is asked after its first turn."""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.received and request.transport:
            request.transport.abort()
        return await super()._answer(request)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_later_round_that_fails_is_tried_elsewhere_too(
    recite: Recite, open_door: OpenDoor, library: Library, stream: bool
) -> None:
    other = await recite(ANSWER)
    async with Ending([looks_for("sensor drift")]) as first:
        door = await open_door(backend(first.url), second(other.url), library=library)
        answer = await door.post(CHAT, asked("Tell me.", grounding=AUTO, stream=stream))
    assert answer.status == 200
    if stream:  # its head went out before the second round
        deltas = [each["choices"][0]["delta"] for each in chunks(answer) if each["choices"]]
        assert "".join(each.get("content", "") for each in deltas) == "".join(ANSWER)
    else:
        assert answer.headers["x-kanoa-backend"] == "second"
    assert len(other.received) == 1


class Faltering(RecitingEngine):
    """Breaks off the second time it is asked."""

    times = 0

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.times += 1
        if self.times == 2 and request.transport:
            request.transport.abort()
            return web.Response()
        return await super()._answer(request)


@dataclass(frozen=True)
class Loaded:
    """A model that is there whenever somebody wants it."""

    name: str = "smollm2"

    async def run(self, ready: Callable[[], None]) -> None:
        ready()
        await asyncio.Event().wait()


@pytest.mark.parametrize("stream", [True, False])
async def test_an_engine_that_dies_in_a_later_round_is_loaded_and_asked_again(
    open_door: OpenDoor, library: Library, stream: bool
) -> None:
    async with (
        Faltering([looks_for("sensor drift"), ANSWER]) as engine,
        Fleet([Loaded()], lambda names: True) as fleet,
    ):
        on_demand = backend(engine.url, state="asleep", on_demand=True)
        door = await open_door(on_demand, library=library, loader=fleet)
        answer = await door.post(CHAT, asked("Tell me.", grounding=AUTO, stream=stream))
        assert answer.status == 200
        assert ANSWER[0] in answer.text
        assert (engine.times, len(engine.received)) == (3, 2)


class Slow(RecitingEngine):
    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.2 * min(len(self.received), 1))
        return await super()._answer(request)


async def test_what_later_rounds_take_is_not_the_gateways(
    open_door: OpenDoor, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Exchange] = []
    monkeypatch.setattr(Metrics, "ended", lambda self, exchange: ended.append(exchange))
    async with Slow([looks_for("sensor drift"), looks_for("cooling water"), ANSWER]) as engine:
        door = await open_door(backend(engine.url), library=library)
        assert (await door.post(CHAT, asked("Tell me.", grounding=AUTO))).status == 200
    [exchange] = ended
    assert exchange.engine_seconds > 0, "less would be added to what the gateway took"
