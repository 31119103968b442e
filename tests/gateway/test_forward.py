"""What a client gets for what an engine does, good and bad."""

from __future__ import annotations

import json

import pytest

from tests.fakes.engine import HUGE, USAGE, WORDS, FakeEngine, chunk
from tests.gateway.conftest import Door, OpenDoor, backend, chat
from tests.gateway.test_leaving import until

DONE = "data: [DONE]\n\n"
STREAM = {"stream": True}
WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def events(*words: str) -> str:
    return "".join(chunk(word).decode() for word in words)


def error_event(message: str, code: str, source: str = "gateway", kind: str = "server_error") -> str:
    error = {"message": message, "type": kind, "param": None, "code": code, "source": source}
    return f"data: {json.dumps({'error': error})}\n\n"


async def test_request_and_answer_pass_as_the_bytes_they_are(door: Door, engine: FakeEngine) -> None:
    raw = (
        b'{ "model":"smollm2",\n "messages" : [{"role":"user","content":"h\\u00e9 \xc3\xa9"}], "seed": 1.50}'
    )
    answer = await door.post("/v1/chat/completions", data=raw)
    assert engine.received[0].body == raw
    assert (
        answer.body
        == json.dumps(
            {
                "id": "c1",
                "object": "chat.completion",
                "created": 1,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "The sales rise."},
                        "finish_reason": "stop",
                    }
                ],
                "usage": USAGE,
            }
        ).encode()
    )
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_headers_that_go_on_and_headers_that_do_not(door: Door, engine: FakeEngine) -> None:
    sent = {"authorization": "Bearer sk-the-persons-own", "cookie": "a=b", "x-request-id": "mine-1"}
    answer = await door.post("/v1/chat/completions", chat("hi", **STREAM), headers=sent)
    got = engine.received[0].headers
    assert got.pop("host") == f"127.0.0.1:{engine.port}"
    assert got.pop("content-length").isdigit()
    assert got == {
        "accept": "*/*",
        "accept-encoding": "identity",
        "authorization": "Bearer engine-secret",
        "connection": "close",
        "content-type": "application/json",
        "user-agent": "kanoa-mlops/1.2.3",
        "x-request-id": "mine-1",
    }
    del answer.headers["date"]
    assert float(answer.headers.pop("x-kanoa-overhead-ms")) >= 0
    assert int(answer.headers.pop("x-kanoa-queue-ms")) >= 0
    assert answer.headers == {
        "cache-control": "no-cache",
        "content-type": "text/event-stream",
        "transfer-encoding": "chunked",
        "x-accel-buffering": "no",
        "x-kanoa-attempts": "1",
        "x-kanoa-backend": "smollm2",
        "x-kanoa-cost-usd": "0",
        "x-kanoa-engine": "llama.cpp b1",
        "x-kanoa-model": "smollm2",
        "x-kanoa-tier": "local",
        "x-request-id": "mine-1",
    }


async def test_an_alias_becomes_the_served_name_and_nothing_else_changes(
    door: Door, engine: FakeEngine
) -> None:
    asked = chat("lone \ud800 surrogate", seed=1.5) | {"model": "huggingfacetb/SmolLM2-135m-instruct"}
    await door.post("/v1/chat/completions", data=json.dumps(asked).encode())
    assert engine.received[0].fields == asked | {"model": "smollm2"}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
async def test_stream(door: Door, path: str) -> None:
    answer = await door.post(path, chat("hi", **STREAM))
    assert answer.text == events(*WORDS) + DONE


@pytest.mark.parametrize("route", ["/v1/embeddings", "/v1/rerank"])
async def test_what_never_comes_in_pieces_comes_whole_though_it_is_asked_for_so(
    engine: FakeEngine, open_door: OpenDoor, route: str
) -> None:
    """Engines take no notice of the word, and an answer that is none would be held against them."""
    door = await open_door(backend(engine.url, engine="vllm"))
    asked = {"model": "smollm2", "input": "hi", "query": "hi", "documents": ["hi"], **STREAM}
    for _ in range(4):
        answer = await door.post(route, asked)
        assert answer.status == 200
        assert "application/json" in answer.headers["content-type"]
    assert engine.received[-1].fields == asked


async def test_completions_and_embeddings_pass(door: Door, engine: FakeEngine) -> None:
    await door.post("/completions", {"model": "smollm2", "prompt": "hi"})
    answer = await door.post("/v1/embeddings", {"model": "tiny", "input": "hi"})
    assert [each.path for each in engine.received] == ["/v1/completions", "/v1/embeddings"]
    assert json.loads(answer.text)["data"] == [{"embedding": [0.5]}]


@pytest.mark.parametrize(
    ("doing", "text"),
    [
        ("byte by byte", events(*WORDS) + DONE),
        ("comments first", ": waiting\n\n" + events("The") + DONE),
        ("done without blank line", events("The") + DONE),
        ("huge event", events(HUGE) + DONE),
    ],
)
async def test_streams_of_odd_pieces_come_through(door: Door, doing: str, text: str) -> None:
    assert (await door.chat(doing, **STREAM)).text == text


async def test_crlf_events_keep_their_line_ends(door: Door) -> None:
    answer = await door.chat("crlf events", **STREAM)
    assert answer.text == (events(*WORDS) + ": a comment\n\n").replace("\n", "\r\n") + DONE


async def test_a_model_may_say_what_the_protocol_says(door: Door) -> None:
    answer = await door.chat("say done", **WITH_USAGE)
    words = ("\n\ndata: [DONE]\n\n", '"usage": {"prompt_tokens": 1}', '\ndata: {"error": 1}\n\n')
    estimate = chunk(usage={"prompt_tokens": 0, "completion_tokens": 3, "total_tokens": 3, "estimated": True})
    assert answer.text == events(*words) + estimate.decode() + DONE


async def test_usage_that_the_engine_counts_is_left_alone(door: Door) -> None:
    answer = await door.chat("hi", **WITH_USAGE)
    assert answer.text == events(*WORDS) + chunk(usage=USAGE).decode() + DONE


async def test_usage_that_the_engine_forgets_is_estimated(door: Door) -> None:
    answer = await door.chat("no usage", **WITH_USAGE)
    estimate = {"prompt_tokens": 0, "completion_tokens": 4, "total_tokens": 4, "estimated": True}
    assert answer.text == events(*WORDS) + chunk(usage=estimate).decode() + DONE


async def test_usage_nobody_asked_for_is_not_added(door: Door) -> None:
    assert (await door.chat("no usage", **STREAM)).text == events(*WORDS) + DONE


async def test_json_where_a_stream_was_asked_for_becomes_one(door: Door) -> None:
    answer = await door.chat("json for stream", **WITH_USAGE)
    assert answer.headers["content-type"] == "text/event-stream"
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "delta": {"role": "assistant", "content": "The sales rise."},
    }
    assert answer.text == (chunk(choices=[choice]) + chunk(usage=USAGE)).decode() + DONE


@pytest.mark.parametrize("doing", ["cut between events", "cut mid-event"])
async def test_a_cut_stream_ends_with_an_error_and_never_with_half_an_event(door: Door, doing: str) -> None:
    answer = await door.chat(doing, **STREAM)
    message = "The engine behind smollm2 stopped in the middle of its answer; what came is incomplete."
    whole = events("The", " sales") if doing == "cut between events" else events("The")
    assert answer.status == 200
    assert answer.text == whole + error_event(message, "engine_stream_cut")


@pytest.mark.parametrize(
    ("doing", "stream", "what"),
    [
        ("answer without end", False, "its answer"),
        ("answer without end", True, "its answer"),
        ("comment forever", True, "a first event"),
        ("event without end", True, "an event"),
    ],
)
async def test_what_does_not_end_is_let_go_and_held_against_the_engine(
    engine: FakeEngine, open_door: OpenDoor, doing: str, stream: bool, what: str
) -> None:
    door = await open_door(backend(engine.url), max_answer_bytes=2**20, max_event_bytes=2**20)
    for _ in range(3):
        answer = await door.chat(doing, stream=stream)
        error = json.loads(answer.text)["error"]
        assert (answer.status, error["code"], error["source"]) == (502, "engine_bad_answer", "gateway")
        assert error["message"].startswith(
            f"The engine behind smollm2 sent 1.00 MiB without the end of {what}; no more is taken."
        )
    await _until_idle(engine)
    assert json.loads((await door.chat("hi")).text)["error"]["code"] == "model_down"


async def test_an_event_that_does_not_end_ends_the_stream(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), max_event_bytes=2**20)
    answer = await door.chat("event without end later", **STREAM)
    message = (
        "The engine behind smollm2 sent 1.00 MiB without the end of an event; no more is taken. "
        "Ask for less at once, or see the engine's log."
    )
    assert answer.text == events("The") + error_event(message, "engine_bad_answer")


async def test_a_stream_without_done_is_a_cut_stream(door: Door) -> None:
    answer = await door.chat("end without done", **STREAM)
    message = "The engine behind smollm2 stopped in the middle of its answer; what came is incomplete."
    assert answer.text == events("The") + error_event(message, "engine_stream_cut")


async def test_a_silent_stream_ends_with_an_error(engine: FakeEngine, open_door: OpenDoor) -> None:
    door = await open_door(backend(engine.url), idle_seconds=0.2)
    answer = await door.chat("stall mid-stream", **STREAM)
    message = "The engine behind smollm2 said nothing more for 0.2 s; what came is incomplete."
    assert answer.text == events("The") + error_event(message, "engine_stalled")
    await _until_idle(engine)
    assert engine.disconnects == 1


async def test_an_error_event_is_passed_on_in_the_envelope_and_ends_the_stream(door: Door) -> None:
    answer = await door.chat("error event later", **STREAM)
    assert answer.text == events("The") + error_event("the GPU fell off the bus", "server_error", "engine")


@pytest.mark.parametrize(
    ("doing", "stream", "status", "code", "source", "message"),
    [
        ("cut before headers", True, 502, "engine_ended", "gateway", "The engine behind smollm2 ended"),
        ("cut before headers", False, 502, "engine_ended", "gateway", "The engine behind smollm2 ended"),
        ("cut after headers", True, 502, "engine_stream_cut", "gateway", "The engine behind smollm2 stopped"),
        ("cut mid-json", False, 502, "engine_stream_cut", "gateway", "The engine behind smollm2 stopped"),
        ("error event first", True, 503, "engine_error", "engine", "no slot is free"),
        ("error with 200", False, 502, "engine_error", "engine", "out of memory"),
        ("error with 200", True, 502, "engine_error", "engine", "out of memory"),
        ("page for stream", True, 502, "engine_bad_answer", "gateway", "The engine behind smollm2 answered"),
        ("busy", True, 503, "unavailable_error", "engine", "Loading model"),
        ("broken page", True, 500, "engine_error", "engine", "Internal Server Error worker died"),
        ("redirect", False, 502, "engine_bad_answer", "engine", "The engine answered with HTTP 302."),
        ("unauthorized", False, 502, "engine_refused_gateway", "engine", "The engine behind smollm2 refused"),
        ("too long", True, 400, "context_length_exceeded", "engine", "The request has 9031 tokens, and"),
    ],
)  # fmt: skip
async def test_failures_before_the_first_event_are_http_errors(
    door: Door, doing: str, stream: bool, status: int, code: str, source: str, message: str
) -> None:
    answer = await door.chat(doing, stream=stream)
    error = json.loads(answer.text)["error"]
    assert (answer.status, error["code"], error["source"]) == (status, code, source), error
    assert error["message"].startswith(message)
    assert answer.headers["x-kanoa-error-source"] == source
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers.get("retry-after") == ("7" if doing == "busy" else None)


@pytest.mark.parametrize("doing", ["stall before headers", "stall after headers"])
async def test_an_engine_that_never_begins_is_given_up(
    engine: FakeEngine, open_door: OpenDoor, doing: str
) -> None:
    door = await open_door(backend(engine.url), first_byte_seconds=0.2)
    answer = await door.chat(doing, **STREAM)
    assert answer.status == 504
    assert answer.headers["x-should-retry"] == "false"
    assert json.loads(answer.text) == {
        "error": {
            "message": "The engine behind smollm2 did not begin its answer within 0.2 s.",
            "type": "server_error",
            "param": None,
            "code": "engine_timeout",
            "source": "gateway",
        }
    }


async def test_an_engine_that_is_not_there(open_door: OpenDoor, unused_tcp_port: int) -> None:
    door = await open_door(backend(f"http://127.0.0.1:{unused_tcp_port}"))
    answer = await door.chat("hi")
    assert (answer.status, json.loads(answer.text)["error"]["code"]) == (502, "engine_unreachable")


async def _until_idle(engine: FakeEngine) -> None:
    await until(lambda: not engine.running)
