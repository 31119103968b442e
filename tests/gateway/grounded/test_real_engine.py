"""Grounded answers of a real model: the smallest there is, so that nothing but structure is judged."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import openai
import pytest
from kanoa import AnalyticsInterpreter

from kanoa_mlops.cli.demo import draw_projectile
from kanoa_mlops.gateway.events import data_of
from kanoa_mlops.gateway.ocr.reader import OcrReader
from kanoa_mlops.grounding.library import Library
from kanoa_mlops.grounding.local.archive import LocalArchive
from tests.gateway.conftest import Door, OpenDoor, backend
from tests.gateway.grounded.conftest import CHAT, DRIFT, asked, put, search
from tests.gateway.grounded.test_answers import message, told_in
from tests.grounding.asking.canaries import CANARIES, LINK

pytestmark = pytest.mark.e2e

LIVE = re.compile(r"!\[|\]\(|https?://|javascript:|<img|<a |<tool_call>|<\|")
SHORT: dict[str, Any] = {"max_tokens": 40, "temperature": 0}
TOGETHER = 8  # canaries in one collection
PROJECTILE = (
    "A projectile without drag rises to a height of v squared over two g; time aloft is two v over g."
)


@pytest.fixture
async def door(engine_url: str, open_door: OpenDoor, archive: LocalArchive) -> AsyncIterator[Door]:
    put(archive, "papers", DRIFT, PROJECTILE)
    for first in range(0, len(CANARIES), TOGETHER):
        texts = [f"sensor drift: {canary}" for canary in CANARIES[first : first + TOGETHER]]
        put(archive, f"canaries-{first}", *texts, title="canaries.md")
    reader = OcrReader()
    served = backend(engine_url, engine_key="", context_tokens=4096)
    yield await open_door(served, library=Library(archive), figures=reader)
    reader.close()


@pytest.mark.parametrize("first", range(0, len(CANARIES), TOGETHER))
async def test_canaries_put_no_link_and_no_call_into_the_answer(door: Door, first: int) -> None:
    answer = await door.post(
        CHAT, asked(tools=[search(f"canaries-{first}", max_num_results=TOGETHER)], **SHORT)
    )
    assert (answer.status, answer.headers["x-grounding-status"]) == (200, "grounded"), answer.text
    said = message(answer)
    assert not said.get("tool_calls")
    assert not LIVE.search(said["content"]), said["content"]
    assert LINK not in said["content"]
    assert all(each["url_citation"]["url"].startswith(door.url) for each in said.get("annotations", []))


async def test_a_stream_is_told_what_it_cites(door: Door) -> None:
    answer = await door.post(CHAT, asked(**SHORT, stream=True))
    [told] = told_in(answer)
    events = [json.loads(data) for data in data_of(answer.body) if data != b"[DONE]"]
    text = "".join(each["choices"][0]["delta"].get("content") or "" for each in events)
    assert text
    assert told["choices"][0]["delta"]["context"]["citations"][0]["content"] == DRIFT
    assert told["grounding"]["status"] == "grounded"
    for each in told["choices"][0]["delta"].get("annotations", []):
        place = each["url_citation"]
        assert re.search(r"\d", text[place["start_index"] : place["end_index"]])
    assert events[-1]["choices"][0]["finish_reason"] in ("stop", "length")


async def test_the_engine_counts_the_passages(door: Door) -> None:
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "sensor drift in May?"}]
        bare = await client.chat.completions.create(model="tiny", messages=messages, max_tokens=4)
        tools: Any = [search()]
        grounded = await client.chat.completions.create(
            model="tiny", messages=messages, tools=tools, max_tokens=4
        )
    assert bare.usage is not None
    assert grounded.usage is not None
    assert grounded.usage.prompt_tokens > bare.usage.prompt_tokens + 50


async def test_a_drawn_figure_finds_its_document_by_kanoas_own_prompt(door: Door) -> None:
    def interpret() -> list[Any]:
        interpreter = AnalyticsInterpreter(
            backend="vllm", api_base=f"{door.url}/v1", model="tiny", api_key="local", max_tokens=30
        )
        client, seen = interpreter.backend.client, []
        create = client.chat.completions.create

        def watched(**given: Any) -> Any:
            for chunk in create(**given, tools=[search()]):
                seen.append(chunk)
                yield chunk

        client.chat.completions.create = watched
        figure = draw_projectile()
        result = interpreter.interpret(fig=figure, stream=False, display_result=False)
        plt.close(figure)
        assert result.text
        assert result.usage.output_tokens > 0
        return [chunk.grounding for chunk in seen if getattr(chunk, "grounding", None)]

    [grounding] = await asyncio.to_thread(interpret)
    assert (grounding["status"], grounding["figure"]) == ("grounded", "ocr")
    assert "projectile" in grounding["query"][0].lower()
    assert "technical interpretation" not in grounding["query"][0]
