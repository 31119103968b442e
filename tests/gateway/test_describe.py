"""A figure for a model that cannot see, described by one that does."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib.pyplot as plt
import openai
import pytest

from kanoa_mlops.cli.demo import draw_projectile
from kanoa_mlops.errors import EngineDied
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.describe import seer
from kanoa_mlops.gateway.description import PROMPT, NotDescribed, parse
from kanoa_mlops.gateway.description_cache import DescriptionCache
from kanoa_mlops.gateway.usage import Usage
from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import Answer, Door, NotedReader, OpenDoor, backend
from tests.gateway.test_figures import CHAT, PNG, asked, figure
from tests.gateway.test_leaving import until
from tests.seeing import IMAGE_TOKENS

OTHER = "data:image/png;base64," + base64.b64encode(PNG + b"other").decode()
DESCRIPTION = "Description of the figure by qwen-vl (the figure itself was not seen):\nThe sales rise."
OCR = "[figure of 204 bytes]"
REASONER = {"model": "smollm2", "prompt_tokens": 7, "completion_tokens": 4}
DESCRIBER = REASONER | {"model": "qwen-vl"}
CACHED = {"model": "qwen-vl", "prompt_tokens": 0, "completion_tokens": 0, "cached": True}
STREAMED: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
async def eye() -> AsyncIterator[FakeEngine]:
    """The engine of the model that sees."""
    async with FakeEngine() as running:
        yield running


@pytest.fixture
async def door(engine: FakeEngine, eye: FakeEngine, open_door: OpenDoor) -> Door:
    return await open_door(backend(engine.url), seeing(eye.url), figures=NotedReader())


def seeing(url: str, **changes: Any) -> Backend:
    return backend(
        url, **{"model": "qwen-vl", "aliases": (), "sees": True, "engine_key": "eye-key"} | changes
    )


def texts(engine: FakeEngine, request: int = -1) -> list[str]:
    return [part["text"] for part in engine.received[request].fields["messages"][0]["content"]]


def usage(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.text)["usage"]
    return found


async def test_the_description_takes_the_figures_place(
    door: Door, engine: FakeEngine, eye: FakeEngine
) -> None:
    answer = await door.post(CHAT, asked(figure(), seed=7), headers={"authorization": "Bearer mine"})
    assert answer.status == 200
    assert answer.headers["x-kanoa-figure"] == "described"
    assert answer.headers["x-kanoa-figure-model"] == "qwen-vl"
    assert answer.headers["x-kanoa-model"] == "smollm2"
    assert "x-kanoa-figure-warning" not in answer.headers
    content = [{"type": "text", "text": DESCRIPTION}, {"type": "text", "text": "What is this?"}]
    assert engine.received[0].fields == {
        "model": "smollm2",
        "messages": [{"role": "user", "content": content}],
        "seed": 7,
    }
    assert usage(answer) == {
        "prompt_tokens": 14,
        "completion_tokens": 8,
        "total_tokens": 22,
        "kanoa_steps": [DESCRIBER, REASONER],
    }


async def test_who_describes_is_asked_for_that_alone(door: Door, eye: FakeEngine) -> None:
    await door.post(CHAT, asked(figure(), seed=7), headers={"authorization": "Bearer mine"})
    [received] = eye.received
    assert received.path == CHAT
    assert received.headers["authorization"] == "Bearer eye-key"
    assert received.fields == {
        "model": "qwen-vl",
        "messages": [{"role": "user", "content": [figure(), {"type": "text", "text": PROMPT}]}],
        "max_tokens": 800,
        "temperature": 0,
    }


@pytest.mark.parametrize("text", ["What is this?", "json for stream"])
async def test_a_stream_counts_both_steps(door: Door, text: str) -> None:
    body = asked(figure(), **STREAMED)
    body["messages"][0]["content"][-1]["text"] = text
    answer = await door.post(CHAT, body)
    assert answer.headers["x-kanoa-figure"] == "described"
    last = json.loads(answer.text.split("data: ")[-2])
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 14,
        "completion_tokens": 8,
        "total_tokens": 22,
        "kanoa_steps": [DESCRIBER, REASONER],
    }


async def test_an_estimate_counts_both_steps(door: Door) -> None:
    body = asked(figure(), **STREAMED)
    body["messages"][0]["content"][-1]["text"] = "no usage"
    answer = await door.post(CHAT, body)
    found = json.loads(answer.text.split("data: ")[-2])["usage"]
    assert found["estimated"]
    assert found["kanoa_steps"] == [DESCRIBER, REASONER | {"prompt_tokens": 0}]
    assert (found["prompt_tokens"], found["completion_tokens"], found["total_tokens"]) == (7, 8, 15)


async def test_usage_that_was_not_asked_for_is_not_sent(door: Door) -> None:
    answer = await door.post(CHAT, asked(figure(), stream=True))
    assert answer.text.endswith("data: [DONE]\n\n")
    assert "usage" not in answer.text


async def test_each_models_tokens_are_its_own_in_the_metrics(door: Door) -> None:
    await door.post(CHAT, asked(figure()))
    metrics = (await door.get("/metrics")).text
    assert 'kanoa_prompt_tokens_total{model="qwen-vl"} 7.0' in metrics
    assert 'kanoa_prompt_tokens_total{model="smollm2"} 7.0' in metrics
    assert "kanoa_figure_describe_seconds_count 1.0" in metrics
    assert "kanoa_figure_read_seconds_count 0.0" in metrics


async def test_a_second_question_costs_no_second_description(
    door: Door, engine: FakeEngine, eye: FakeEngine
) -> None:
    await door.post(CHAT, asked(figure()))
    again = asked(figure())
    again["messages"][0]["content"][-1]["text"] = "And the minimum?"
    answer = await door.post(CHAT, again)
    assert len(eye.received) == 1
    assert texts(engine) == [DESCRIPTION, "And the minimum?"]
    assert answer.headers["x-kanoa-figure"] == "described"
    assert usage(answer) == {
        "prompt_tokens": 7,
        "completion_tokens": 4,
        "total_tokens": 11,
        "kanoa_steps": [CACHED, REASONER],
    }


async def test_several_figures_are_numbered_as_they_come(
    door: Door, engine: FakeEngine, eye: FakeEngine
) -> None:
    answer = await door.post(CHAT, asked(figure(), figure(OTHER), figure()))
    shown = [each.fields["messages"][0]["content"][0]["image_url"]["url"] for each in eye.received]
    assert shown == [figure()["image_url"]["url"], OTHER]
    assert texts(engine) == [
        f"Figure 1\n{DESCRIPTION}",
        f"Figure 2\n{DESCRIPTION}",
        f"Figure 3\n{DESCRIPTION}",
        "What is this?",
    ]
    assert usage(answer)["kanoa_steps"] == [DESCRIBER, DESCRIBER, CACHED, REASONER]


async def test_what_was_described_stays_so_when_its_model_is_gone(
    door: Door, engine: FakeEngine, eye: FakeEngine
) -> None:
    await door.post(CHAT, asked(figure()))
    door.backends.mark("qwen-vl", "down", "killed")
    answer = await door.post(CHAT, asked(figure(OTHER), figure()))
    assert answer.headers["x-kanoa-figure"] == "described, ocr"
    assert answer.headers["x-kanoa-figure-model"] == "qwen-vl"
    assert answer.headers["x-kanoa-figure-warning"] == (
        "qwen-vl is down: killed; figure 1 went through ocr instead"
    )
    assert texts(engine) == [
        "Figure 1\n[figure of 209 bytes]",
        f"Figure 2\n{DESCRIPTION}",
        "What is this?",
    ]
    assert usage(answer)["kanoa_steps"] == [CACHED, REASONER]


async def test_reading_can_be_asked_for(door: Door, engine: FakeEngine, eye: FakeEngine) -> None:
    answer = await door.post(CHAT, asked(figure()), headers={"x-kanoa-figure": "read"})
    assert answer.headers["x-kanoa-figure"] == "ocr"
    assert "x-kanoa-figure-warning" not in answer.headers
    assert (eye.received, texts(engine)[0]) == ([], OCR)
    assert "kanoa_steps" not in usage(answer)


async def test_the_list_of_models_says_who_is_told(door: Door) -> None:
    async def figures() -> list[str]:
        listed = json.loads((await door.get("/v1/models")).text)["data"]
        return [each["kanoa"]["figures"] for each in listed]

    assert await figures() == ["described", "sees"]
    door.backends.mark("qwen-vl", "down")
    assert await figures() == ["reads", "sees"]


async def test_another_word_is_refused(door: Door, engine: FakeEngine) -> None:
    answer = await door.post(CHAT, asked(figure()), headers={"x-kanoa-figure": "guess"})
    assert answer.status == 400
    assert json.loads(answer.text)["error"]["param"] == "x-kanoa-figure"
    assert engine.received == []


@pytest.mark.parametrize(
    ("doing", "reason"),
    [
        ("stall before headers", "qwen-vl took longer than 0.5 s"),
        ("stall mid-stream", "qwen-vl took longer than 0.5 s"),
        ("cut before headers", "The engine behind qwen-vl ended before it answered"),
        ("cut mid-json", "The engine behind qwen-vl stopped in the middle of its answer; "
         "what came is incomplete"),
        ("broken page", "qwen-vl answered with HTTP 500"),
        ("redirect", "qwen-vl answered with HTTP 302"),
        ("busy", "qwen-vl answered with HTTP 503"),
        ("page for stream", "qwen-vl gave no answer in the form of a chat"),
        ("error with 200", "qwen-vl gave no answer in the form of a chat"),
        ("end without done", "qwen-vl gave no answer in the form of a chat"),
        ("flood", "qwen-vl answered far too much"),
        ("say nothing", "qwen-vl answered without a word"),
    ],
)  # fmt: skip
async def test_ocr_takes_over_from_an_engine_that_fails(
    engine: FakeEngine, open_door: OpenDoor, caplog: pytest.LogCaptureFixture, doing: str, reason: str
) -> None:
    caplog.set_level(logging.WARNING, "kanoa_mlops.gateway")
    async with FakeEngine(always=doing) as eye:
        served = backend(engine.url), seeing(eye.url)
        # Only who stalls is waited for: others are to fail of themselves, however slow the machine is.
        seconds = 0.5 if "0.5 s" in reason else 60
        door = await open_door(*served, figures=NotedReader(), describing_seconds=seconds)
        answer = await door.post(CHAT, asked(figure()), headers={"x-request-id": "r1"})
        assert eye.received
        assert answer.status == 200
        assert answer.headers["x-kanoa-figure"] == "ocr"
        warning = f"{reason}; the figures went through ocr instead"
        assert answer.headers["x-kanoa-figure-warning"] == warning
        # What the engine itself logs, which is left while it writes, is no matter.
        ours = [each.message for each in caplog.records if each.name.startswith("kanoa_mlops")]
        assert ours == [f"figure id=r1 {warning}"]
        assert texts(engine)[0] == OCR
        assert usage(answer) == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
        await until(lambda: not eye.running)


async def test_a_failure_is_not_remembered(engine: FakeEngine, eye: FakeEngine, door: Door) -> None:
    eye.always = "say nothing"
    await door.post(CHAT, asked(figure()))
    eye.always = ""
    assert (await door.post(CHAT, asked(figure()))).headers["x-kanoa-figure"] == "described"


async def test_ocr_takes_over_from_an_engine_that_is_not_there(
    engine: FakeEngine, open_door: OpenDoor
) -> None:
    door = await open_door(backend(engine.url), seeing("http://127.0.0.1:1"), figures=NotedReader())
    answer = await door.post(CHAT, asked(figure()))
    assert answer.headers["x-kanoa-figure-warning"] == (
        "The engine behind qwen-vl cannot be reached; the figures went through ocr instead"
    )


async def test_a_description_asked_for_where_none_can_be_had(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), figures=NotedReader())
    answer = await door.post(CHAT, asked(figure()), headers={"x-kanoa-figure": "describe"})
    assert answer.headers["x-kanoa-figure"] == "ocr"
    assert answer.headers["x-kanoa-figure-warning"] == (
        "no model that sees is served; the figures went through ocr instead"
    )
    unasked = await door.post(CHAT, asked(figure()))
    assert "x-kanoa-figure-warning" not in unasked.headers


async def test_without_ocr_a_failed_description_ends_the_request(
    engine: FakeEngine, eye: FakeEngine, open_door: OpenDoor
) -> None:
    eye.always = "broken page"
    door = await open_door(backend(engine.url), seeing(eye.url))
    answer = await door.post(CHAT, asked(figure()))
    error = json.loads(answer.text)["error"]
    assert (answer.status, error["code"]) == (503, "figure_not_described")
    assert "qwen-vl answered with HTTP 500." in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert engine.received == []


@pytest.mark.parametrize("stream", [True, False])
async def test_leaving_ends_the_description(
    door: Door, engine: FakeEngine, eye: FakeEngine, stream: bool
) -> None:
    eye.always = "stall before headers"
    asking = asyncio.create_task(door.post(CHAT, asked(figure(), stream=stream)))
    await until(lambda: eye.running == 1)
    asking.cancel()
    await until(lambda: eye.running == 0)
    assert (eye.disconnects, engine.received) == (1, [])


@dataclass
class NotedLoader:
    """Loads nothing, and notes when it would."""

    fails: bool = False
    notes: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def using(self, model: str, tell: Callable[[str], None]) -> AsyncIterator[None]:
        if self.fails and model == "qwen-vl":
            raise EngineDied("qwen-vl did not start.")
        self.notes.append(f"load {model}")
        yield
        self.notes.append(f"free {model}")


async def test_a_model_on_demand_is_woken_and_let_go_first(
    engine: FakeEngine, eye: FakeEngine, open_door: OpenDoor
) -> None:
    loader = NotedLoader()
    asleep = {"on_demand": True, "state": "asleep"}
    served = backend(engine.url, **asleep), seeing(eye.url, **asleep)
    door = await open_door(*served, figures=NotedReader(), loader=loader)
    answer = await door.post(CHAT, asked(figure(), figure(OTHER)))
    assert answer.headers["x-kanoa-figure"] == "described"
    assert loader.notes == ["load qwen-vl", "free qwen-vl", "load smollm2", "free smollm2"]
    loader.notes.clear()
    await door.post(CHAT, asked(figure()))
    assert loader.notes == ["load smollm2", "free smollm2"]


async def test_ocr_takes_over_from_a_model_that_cannot_be_woken(
    engine: FakeEngine, eye: FakeEngine, open_door: OpenDoor
) -> None:
    served = backend(engine.url), seeing(eye.url, on_demand=True, state="asleep")
    door = await open_door(*served, figures=NotedReader(), loader=NotedLoader(fails=True))
    answer = await door.post(CHAT, asked(figure()))
    assert answer.headers["x-kanoa-figure-warning"] == (
        "qwen-vl did not start; the figures went through ocr instead"
    )


def test_the_one_that_can_be_asked_soonest_describes() -> None:
    blind, down = backend("u"), seeing("u", model="down", state="down")
    asleep = seeing("u", model="asleep", state="asleep", on_demand=True)
    ready = seeing("u", model="ready")

    def chosen(*backends: Backend) -> str | None:
        found = seer(Backends(backends))
        return found.model if found else None

    assert chosen(blind) is None
    assert chosen(blind, down) == "down"
    assert chosen(down, asleep) == "asleep"
    assert chosen(down, asleep, ready) == "ready"
    assert chosen(ready, seeing("u", model="second")) == "ready"


def said(text: object, **fields: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"content": text}, **fields}]}).encode()


def test_a_description_that_was_cut_says_so() -> None:
    by = seeing("u")
    assert parse(said(" Bars. \n"), by) == (DESCRIPTION.replace("The sales rise.", "Bars."), Usage(0, 0))
    cut, _ = parse(said("Bars and", finish_reason="length"), by)
    assert cut.endswith("\nBars and\n(The description was cut here.)")
    long, _ = parse(said("x" * 100_000), by)
    assert long.endswith("x\n(The description was cut here.)")
    assert long.count("x") < 17_000


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"null", b'{"choices": []}', b"\xff", b"[" * 10**5, b'{"choices": {"0": 1}}', said(None),
     said(["a"]), said("\n"), b'{"choices": ["a"]}', b'{"choices": [{"message": "content"}]}'],
)  # fmt: skip
def test_what_is_no_description(answer: bytes) -> None:
    with pytest.raises(NotDescribed):
        parse(answer, seeing("u"))


def test_what_is_remembered_is_bounded() -> None:
    cache = DescriptionCache(max_bytes=3000)
    for image in (b"a", b"b", b"a"):
        cache.remember(image, "m", "x" * 100)
    assert cache.find(b"a", "m")
    assert cache.find(b"a", "other") is None
    cache.find(b"b", "m")
    for image in (b"c", b"d", b"e"):
        cache.remember(image, "m", "x" * 100)
    assert [image for image in b"abcde" if cache.find(bytes([image]), "m")] == list(b"bcde")
    assert 0 < cache.bytes <= 3000
    cache.remember(b"f", "m", "x" * 1000)
    assert (cache.find(b"f", "m"), cache.bytes) == (None, 0)


@pytest.mark.e2e
async def test_real_engines_and_the_real_client(
    seeing_engine_url: str, engine_url: str, open_door: OpenDoor, engine: FakeEngine
) -> None:
    """What the model with a random tower says is noise; that it arrives and is counted is not."""
    eye = seeing(seeing_engine_url, engine_key="", upstream_model="seeing", context_tokens=64)
    served = backend(engine_url, engine_key=""), backend(engine.url, model="noted", aliases=()), eye
    door = await open_door(*served)
    messages: list[Any] = asked(figure(drawn()))["messages"]
    async with openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="EMPTY", max_retries=0) as client:
        create = client.chat.completions.create
        noted = await client.chat.completions.with_raw_response.create(model="noted", messages=messages)
        whole = await create(model="smollm2", messages=messages, max_tokens=3)
        stream = await create(model="smollm2", messages=messages, max_tokens=3, **STREAMED)
        streamed = [chunk async for chunk in stream][-1].usage
    assert noted.headers["x-kanoa-figure"] == "described"
    described, _ = steps(noted.parse().usage)
    assert described["model"] == "qwen-vl"
    assert described["prompt_tokens"] > IMAGE_TOKENS
    assert 0 < described["completion_tokens"] <= 16
    first, words = texts(engine)[0].split("\n", 1)
    assert first == "Description of the figure by qwen-vl (the figure itself was not seen):"
    assert words.strip()
    for usage in (whole.usage, streamed):
        cached, reasoned = steps(usage)
        assert cached == CACHED
        assert (reasoned["model"], reasoned["completion_tokens"]) == ("smollm2", 3)
        assert usage is not None
        assert usage.total_tokens == reasoned["prompt_tokens"] + 3
        # Both have one tokenizer: the reasoner was given the words and no image.
        assert described["completion_tokens"] < reasoned["prompt_tokens"] < IMAGE_TOKENS


def drawn() -> str:
    """A real figure as a data URI."""
    file = io.BytesIO()
    projectile = draw_projectile()
    projectile.savefig(file, format="png")
    plt.close(projectile)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def steps(usage: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = usage.model_extra["kanoa_steps"]
    return found
