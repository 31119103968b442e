"""What is searched, what the engine gets, and what the client is told."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from kanoa_mlops.gateway.events import data_of
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.local.archive import LocalArchive
from tests.fakes.reciting import RecitingEngine
from tests.gateway.conftest import Answer, Door, NotedReader, OpenDoor, backend
from tests.gateway.grounded.conftest import CHAT, DRIFT, Recite, asked, put, search
from tests.gateway.test_figures import figure

ADD = {"type": "function", "function": {"name": "add", "parameters": {}}}
FENCED = re.compile(r"<passages-([0-9a-f]{12})>\n\n(.*)\n\n</passages-\1>\n\n(.*)", re.DOTALL)


def message(answer: Answer, choice: int = 0) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(answer.text)["choices"][choice]["message"]
    return value


def chunks(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(data) for data in data_of(answer.body) if data != b"[DONE]"]


def told_in(answer: Answer) -> list[dict[str, Any]]:
    """The chunks that tell what is cited."""
    return [chunk for chunk in chunks(answer) if "grounding" in chunk]


async def test_the_whole_answer_says_what_it_stands_on(door: Door) -> None:
    answer = await door.post(CHAT, asked())
    assert answer.status == 200
    assert answer.headers["x-grounding-status"] == "grounded"
    said = message(answer)
    assert said["content"] == "Drift was beyond the limit [1]."
    [annotation] = said["annotations"]
    assert annotation == {
        "type": "url_citation",
        "url_citation": {
            "start_index": 27,
            "end_index": 30,
            "url": annotation["url_citation"]["url"],
            "title": "calibration.pdf, p. 2",
        },
    }
    assert said["content"][27:30] == "[1]"
    assert re.fullmatch(
        rf"{door.url}/v1/files/file-[0-9a-f]{{24}}/content#page=2", annotation["url_citation"]["url"]
    )
    first = said["context"]["citations"][0]
    assert (first["n"], first["content"], first["page"], first["cited"]) == (1, DRIFT, 2, True)
    assert (first["filename"], first["heading"], first["vector_store_id"]) == (
        "calibration.pdf",
        "Results",
        "papers",
    )
    assert json.loads(said["context"]["intent"]) == ["sensor drift in May"]
    grounding = json.loads(answer.text)["grounding"]
    assert grounding.pop("ms").keys() == {"query", "retrieve"}
    assert grounding == {
        "status": "grounded",
        "query": ["sensor drift in May"],
        "stores": ["papers"],
        "retrieved": len(said["context"]["citations"]),
        "used": len(said["context"]["citations"]),
        "dropped": 0,
        "cited": 1,
        "unverified_citations": [],
        "unsupported_numbers": [],
        "figure": "",
        "shareable": False,
        "errors": [],
        "warnings": [],
    }


async def test_the_engine_gets_passages_as_data_and_neither_field(
    door: Door, reciter: RecitingEngine
) -> None:
    await door.post(CHAT, asked(temperature=0.5))
    [sent] = reciter.received
    assert set(sent) == {"model", "messages", "temperature"}
    found = FENCED.fullmatch(reciter.question)
    assert found is not None
    assert found[2].startswith(f"[1] calibration.pdf, page 2, Results\n{DRIFT}")
    assert found[3] == "Why does the sensor drift in May?"
    assert f"between <passages-{found[1]}> and </passages-{found[1]}>" in reciter.system
    assert "[1]" in reciter.system


async def test_the_rule_joins_the_system_message_there_is(door: Door, reciter: RecitingEngine) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "sensor drift?"}]
    await door.post(CHAT, asked(messages=messages))
    assert [each["role"] for each in reciter.received[0]["messages"]] == ["system", "user"]
    assert reciter.system.startswith("Be brief.\n\nPassages from the user's documents")


async def test_a_model_without_a_system_role_is_told_by_the_user(
    reciter: RecitingEngine, open_door: OpenDoor, library: Library
) -> None:
    door = await open_door(backend(reciter.url, takes_system=False), library=library)
    await door.post(CHAT, asked())
    assert [each["role"] for each in reciter.received[0]["messages"]] == ["user"]
    assert reciter.question.startswith("Passages from the user's documents")
    assert reciter.question.endswith("Why does the sensor drift in May?")


async def test_functions_of_the_client_stay(door: Door, reciter: RecitingEngine) -> None:
    choice = {"type": "file_search"}
    await door.post(CHAT, asked(tools=[ADD, search()], tool_choice=choice, parallel_tool_calls=False))
    [sent] = reciter.received
    assert (sent["tools"], sent["parallel_tool_calls"]) == ([ADD], False)
    assert "tool_choice" not in sent
    await door.post(CHAT, asked(tools=[ADD, search()], tool_choice="none"))
    assert reciter.received[1]["tool_choice"] == "none"


@pytest.mark.parametrize("ends_in_words", [True, False])
async def test_a_stream_is_told_before_its_end(
    recite: Recite, open_door: OpenDoor, library: Library, ends_in_words: bool
) -> None:
    engine = await recite(ends_in_words=ends_in_words)
    door = await open_door(backend(engine.url), library=library)
    answer = await door.post(CHAT, asked(stream=True, stream_options={"include_usage": True}))
    assert answer.headers["x-grounding-status"] == "grounded"
    assert answer.body.endswith(b"data: [DONE]\n\n")
    whole = await door.post(CHAT, asked())
    [told] = told_in(answer)
    [choice] = told["choices"]
    assert choice["finish_reason"] is None
    assert choice["delta"] == {name: message(whole)[name] for name in ("annotations", "context")}
    assert told["grounding"]["status"] == "grounded"
    every = chunks(answer)
    text = "".join(each["choices"][0]["delta"].get("content", "") for each in every if each["choices"])
    assert text == message(whole)["content"]
    after = every[every.index(told) + 1 :]
    assert [each["choices"][0]["finish_reason"] for each in after[:-1]] == ["stop"]
    assert after[-1]["usage"]["completion_tokens"] == 4


async def test_a_stream_that_never_says_why_it_ends(
    engine: Any, open_door: OpenDoor, library: Library
) -> None:
    door = await open_door(backend(engine.url), library=library)
    answer = await door.post(CHAT, asked(stream=True))
    [told] = told_in(answer)
    assert chunks(answer)[-1] == told
    assert told["grounding"]["cited"] == 0
    assert all(not each["cited"] for each in told["choices"][0]["delta"]["context"]["citations"])


async def test_words_are_not_held_back(engine: Any, open_door: OpenDoor, library: Library) -> None:
    """The engine talks without end, so whatever comes has come before it."""
    engine.always = "talk forever"
    door = await open_door(backend(engine.url), library=library)
    async with door.session.post(door.url + CHAT, json=asked(stream=True)) as response:
        assert await response.content.readline()
        seen = b""
        while seen.count(b'" and"') < 3:
            seen += await response.content.readany()


async def test_each_of_several_answers_is_told(recite: Recite, open_door: OpenDoor, library: Library) -> None:
    engine = await recite(choices=2)
    door = await open_door(backend(engine.url), library=library)
    whole = await door.post(CHAT, asked(n=2))
    assert [len(message(whole, choice)["annotations"]) for choice in (0, 1)] == [1, 1]
    streamed = await door.post(CHAT, asked(n=2, stream=True))
    assert [told["choices"][0]["index"] for told in told_in(streamed)] == [0, 1]


async def test_marks_and_numbers_that_are_not_there_are_told(
    recite: Recite, open_door: OpenDoor, library: Library
) -> None:
    engine = await recite(("Drift was 3.3 mV [1], the limit 2.5 mV 【doc1】. See also [7] and x[1].",))
    door = await open_door(backend(engine.url), library=library)
    answer = await door.post(CHAT, asked())
    grounding = json.loads(answer.text)["grounding"]
    assert grounding["unsupported_numbers"] == ["3.3 mV"]
    assert grounding["unverified_citations"] == [7]
    said = message(answer)
    spans = [
        (each["url_citation"]["start_index"], each["url_citation"]["end_index"])
        for each in said["annotations"]
    ]
    assert [said["content"][start:end] for start, end in spans] == ["[1]", "【doc1】"]
    assert said["context"]["citations"][0]["verified"] is False


async def test_sources_can_stand_under_the_text(door: Door) -> None:
    listed = "Drift was beyond the limit [1].\n\nSources:\n[1] calibration.pdf, p. 2"
    grounding = {"citations": "sources"}
    whole = message(await door.post(CHAT, asked(grounding=grounding)))
    assert whole["content"] == listed
    assert len(whole["annotations"]) == 1
    streamed = chunks(await door.post(CHAT, asked(grounding=grounding, stream=True)))
    text = "".join(each["choices"][0]["delta"].get("content", "") for each in streamed)
    assert text == listed
    body = asked(grounding=grounding, response_format={"type": "json_object"})
    assert "Sources" not in message(await door.post(CHAT, body))["content"]


async def test_nothing_found_is_said(door: Door, reciter: RecitingEngine) -> None:
    answer = await door.post(CHAT, asked("zymurgy?"))
    assert answer.headers["x-grounding-status"] == "no_results"
    assert "nothing in them fits" in reciter.system
    assert "passages" not in reciter.question
    said = message(answer)
    assert "annotations" not in said  # the engine wrote [1], and there is no such passage
    assert json.loads(answer.text)["grounding"]["unverified_citations"] == [1]


async def test_nothing_to_search_for_is_said(door: Door, reciter: RecitingEngine) -> None:
    answer = await door.post(CHAT, asked("Please interpret this figure."))
    assert answer.headers["x-grounding-status"] == "not_searched"
    assert json.loads(answer.text)["grounding"]["query"] == []
    assert reciter.received[0]["messages"] == [{"role": "user", "content": "Please interpret this figure."}]


async def test_the_clients_query_is_taken_as_it_is(door: Door) -> None:
    answer = await door.post(CHAT, asked("hi", grounding={"query": "interpret figure damping"}))
    assert json.loads(answer.text)["grounding"]["query"] == ["interpret figure damping"]
    assert message(answer)["context"]["citations"][0]["page"] == 3


async def test_a_figures_text_is_searched_for_and_counts_as_a_source(
    recite: Recite, open_door: OpenDoor, library: Library
) -> None:
    engine = await recite(("It is 77 s long [1].",))
    door = await open_door(backend(engine.url), library=library)
    text = "title: Pendulum damping\nx axis: period, from 0 to 77"
    answer = await door.post(CHAT, asked("Interpret this figure.", grounding={"figure_text": text}))
    grounding = json.loads(answer.text)["grounding"]
    assert (grounding["query"], grounding["figure"]) == (["Pendulum damping period"], "given")
    assert grounding["unsupported_numbers"] == []


class TitledReader(NotedReader):
    async def read(self, image: bytes) -> str:
        await super().read(image)
        return "Text read from the figure by OCR (so and so):\ntitle: Pendulum damping amplitude"


@pytest.mark.parametrize("sees", [True, False])
async def test_a_figure_is_read_to_search_by(
    reciter: RecitingEngine, open_door: OpenDoor, library: Library, sees: bool
) -> None:
    door = await open_door(backend(reciter.url, sees=sees), library=library, figures=TitledReader())
    content = [figure(), {"type": "text", "text": "Interpret this figure."}]
    answer = await door.post(CHAT, asked(messages=[{"role": "user", "content": content}]))
    grounding = json.loads(answer.text)["grounding"]
    assert (grounding["query"], grounding["figure"]) == (["Pendulum damping amplitude"], "ocr")
    parts = reciter.received[0]["messages"][-1]["content"]
    assert parts[0]["type"] == ("image_url" if sees else "text")
    assert FENCED.fullmatch(parts[1]["text"])
    assert ("x-kanoa-figure" in answer.headers) is not sees


async def test_what_has_no_room_is_left_out_and_told(
    reciter: RecitingEngine, open_door: OpenDoor, archive: LocalArchive
) -> None:
    put(archive, "papers", *(f"sensor drift {number} " + "word " * 100 for number in range(5)))
    door = await open_door(backend(reciter.url), library=Library(archive))
    answer = await door.post(CHAT, asked(grounding={"max_context_tokens": 500}))
    grounding = json.loads(answer.text)["grounding"]
    assert (grounding["retrieved"], grounding["used"], grounding["dropped"]) == (5, 2, 3)
    assert reciter.question.count("calibration.pdf, page") == 2
    small = await door.post(CHAT, asked(grounding={"max_context_tokens": 60}))
    assert (small.status, json.loads(small.text)["error"]["code"]) == (400, "context_length_exceeded")
    told = await door.post(CHAT, asked(grounding={"max_context_tokens": 60, "on_error": "annotate"}))
    assert told.headers["x-grounding-status"] == "failed"


async def test_the_models_context_bounds_it(
    reciter: RecitingEngine, open_door: OpenDoor, archive: LocalArchive
) -> None:
    put(archive, "papers", *(f"sensor drift {number} " + "word " * 100 for number in range(5)))
    door = await open_door(backend(reciter.url, context_tokens=1024), library=Library(archive))
    grounding = json.loads((await door.post(CHAT, asked(max_tokens=100))).text)["grounding"]
    assert 0 < grounding["used"] < 5


async def test_several_tools_are_all_searched(
    reciter: RecitingEngine, open_door: OpenDoor, archive: LocalArchive
) -> None:
    put(archive, "papers", DRIFT)
    put(archive, "manuals", "The sensor drifts when it is cold.", title="manual.md")
    door = await open_door(backend(reciter.url), library=Library(archive))
    answer = await door.post(CHAT, asked(tools=[search("papers"), search("manuals")]))
    stores = {each["vector_store_id"] for each in message(answer)["context"]["citations"]}
    assert stores == {"papers", "manuals"}


async def test_errors_name_the_message_the_client_sent(
    reciter: RecitingEngine, open_door: OpenDoor, library: Library
) -> None:
    door = await open_door(backend(reciter.url), library=library)
    content = [figure(), {"type": "text", "text": "sensor drift in May"}]
    answer = await door.post(CHAT, asked(messages=[{"role": "user", "content": content}]))
    assert json.loads(answer.text)["error"]["param"] == "messages[0].content[0].image_url"


async def test_without_either_field_nothing_is_looked_at(door: Door, reciter: RecitingEngine) -> None:
    raw = json.dumps(
        {"model": "smollm2", "messages": [{"role": "user", "content": "sensor drift"}]}, indent=3
    )
    answer = await door.post(CHAT, data=raw.encode())
    assert "x-grounding-status" not in answer.headers
    assert "grounding" not in json.loads(answer.text)
    assert set(reciter.received[0]) == {"model", "messages"}


async def test_a_figure_that_ocr_finds_little_in_is_described(
    recite: Recite, open_door: OpenDoor, library: Library
) -> None:
    described = ("- Title: Pendulum damping\n- X axis: period\n- Series: amplitude",)
    engine, eyes = await recite(("It is [1].",)), await recite(described)
    served = backend(engine.url), backend(eyes.url, model="eyes", aliases=(), sees=True)
    door = await open_door(*served, library=library, figures=NotedReader())
    content = [figure(), {"type": "text", "text": "Interpret this figure."}]
    body = asked(messages=[{"role": "user", "content": content}])
    for _ in range(2):  # the second time it is remembered
        grounding = json.loads((await door.post(CHAT, body)).text)["grounding"]
        assert grounding["query"] == ["[figure of bytes] Pendulum damping period amplitude"]
        assert grounding["figure"] == "ocr, described"
    assert len(eyes.received) == 1
