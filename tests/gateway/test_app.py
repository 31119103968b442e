"""The routes, and what is said to a request that cannot be served."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

import pytest

from kanoa_mlops.gateway.line import Terms
from tests.fakes.engine import FakeEngine
from tests.gateway.conftest import HUB_NAME, Answer, Door, OpenDoor, backend, chat

CHAT = "/v1/chat/completions"
ROUTES = (
    "POST /v1/chat/completions; POST /v1/completions; POST /v1/embeddings; POST /v1/rerank; "
    "POST /v1/responses; POST /api/chat; POST /api/generate; POST /api/embed; POST /api/embeddings; "
    "POST /api/show; "
    "POST /v1/files; GET /v1/files; GET /v1/files/{file_id}; DELETE /v1/files/{file_id}; "
    "GET /v1/files/{file_id}/content; "
    "POST /v1/vector_stores; GET /v1/vector_stores; GET /v1/vector_stores/{vector_store_id}; "
    "POST /v1/vector_stores/{vector_store_id}; DELETE /v1/vector_stores/{vector_store_id}; "
    "POST /v1/vector_stores/{vector_store_id}/search; "
    "POST /v1/vector_stores/{vector_store_id}/files; GET /v1/vector_stores/{vector_store_id}/files; "
    "GET /v1/vector_stores/{vector_store_id}/files/{file_id}; "
    "POST /v1/vector_stores/{vector_store_id}/files/{file_id}; "
    "DELETE /v1/vector_stores/{vector_store_id}/files/{file_id}; "
    "GET /v1/vector_stores/{vector_store_id}/files/{file_id}/content; "
    "POST /v1/vector_stores/{vector_store_id}/file_batches; "
    "GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}; "
    "POST /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel; "
    "GET /v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files; "
    "GET /v1/models; GET /v1/models/{name}; GET /api/tags; GET /api/ps; GET /api/version; "
    "GET /health; GET /status; GET /metrics; GET /openapi.json; GET /"
)


class BrokenReader:
    name = "broken"

    async def read(self, image: bytes) -> str:
        raise ZeroDivisionError


def error(answer: Answer) -> dict[str, Any]:
    """The error object, after a look at what all of them have in common."""
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-kanoa-error-source"] == "gateway"
    assert "x-request-id" in answer.headers
    value: dict[str, Any] = json.loads(answer.text)["error"]
    assert list(value) == ["message", "type", "param", "code", "source"]
    return value


async def test_root_says_what_this_is(door: Door) -> None:
    answer = await door.get("/")
    assert json.loads(answer.text) == {
        "name": "kanoa-mlops",
        "version": "1.2.3",
        "what": "An OpenAI-compatible endpoint. Use this address with /v1 as the base URL of a client.",
        "description": "/openapi.json",
        "models": ["smollm2"],
        "routes": ROUTES.split("; "),
    }


async def test_head_has_the_head_of_get(door: Door) -> None:
    answer = await door.ask("HEAD", "/health")
    assert (answer.status, answer.body) == (200, b"")


async def test_unknown_path(door: Door) -> None:
    answer = await door.post("/v1/audio/speech", {"input": "hi"})
    assert answer.status == 404
    assert error(answer) == {
        "message": "There is nothing here. GET / lists what there is.",
        "type": "invalid_request_error",
        "param": None,
        "code": "not_found",
        "source": "gateway",
    }


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/v1/chat/completion", "POST /v1/chat/completions"),
        ("/v1/embedding", "POST /v1/embeddings"),
        ("/v1/response", "POST /v1/responses"),
    ],
)
async def test_a_path_that_is_misspelled(door: Door, path: str, meant: str) -> None:
    answer = await door.post(path, {})
    assert answer.status == 404
    assert error(answer)["message"] == (
        f"There is nothing here. Did you mean {meant}? GET / lists what there is."
    )


async def test_wrong_method(door: Door) -> None:
    answer = await door.get(CHAT)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert error(answer)["message"] == "GET is not taken here; use POST."


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
async def test_models(engine: FakeEngine, open_door: OpenDoor, path: str) -> None:
    door = await open_door(
        backend(engine.url), backend(engine.url, model="qwen-vl", aliases=(), sees=True, state="loading")
    )
    answer = json.loads((await door.get(path)).text)
    created = answer["data"][0]["created"]
    assert created > 1_700_000_000
    assert answer == {
        "object": "list",
        "data": [
            {
                "id": "smollm2",
                "object": "model",
                "created": created,
                "owned_by": "kanoa-mlops",
                "max_model_len": 4096,
                "kanoa": {
                    "aliases": [HUB_NAME, "tiny"],
                    "engine": "llama.cpp b1",
                    "state": "ready",
                    "reason": "",
                    "context_tokens": 4096,
                    "figures": "none",
                },
            },
            {
                "id": "qwen-vl",
                "object": "model",
                "created": created,
                "owned_by": "kanoa-mlops",
                "max_model_len": 4096,
                "kanoa": {
                    "aliases": [],
                    "engine": "llama.cpp b1",
                    "state": "loading",
                    "reason": "",
                    "context_tokens": 4096,
                    "figures": "sees",
                },
            },
        ],
    }


@pytest.mark.parametrize("name", ["smollm2", "TINY", HUB_NAME, HUB_NAME.replace("/", "%2F")])
async def test_a_model_by_name_or_alias(door: Door, name: str) -> None:
    assert json.loads((await door.get(f"/v1/models/{name}")).text)["id"] == "smollm2"


@pytest.mark.parametrize(
    ("states", "status", "word"),
    [
        (("ready", "down"), 200, "ready"),
        (("loading", "down"), 503, "loading"),
        (("down", "down"), 503, "down"),
        ((), 503, "down"),
    ],
)
async def test_health(open_door: OpenDoor, states: tuple[str, ...], status: int, word: str) -> None:
    served = [backend("http://127.0.0.1:1", model=f"m{n}", state=state) for n, state in enumerate(states)]
    door = await open_door(*served)
    answer = await door.get("/health")
    assert answer.status == status
    assert json.loads(answer.text) == {
        "status": word,
        "version": "1.2.3",
        "models": {
            each.model: {"state": each.state, "reason": "", "engine": "llama.cpp b1"} for each in served
        },
    }


async def test_unknown_model(door: Door) -> None:
    answer = await door.post(CHAT, chat("hi") | {"model": "SmolLM"})
    assert answer.status == 404
    assert error(answer) == {
        "message": "The model 'SmolLM' is not served here. Did you mean smollm2? Served: smollm2.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
        "source": "gateway",
    }


async def test_no_model_named(engine: FakeEngine, open_door: OpenDoor) -> None:
    asked = {"messages": [{"role": "user", "content": "hi"}]}
    one = await open_door(backend(engine.url))
    assert (await one.post(CHAT, asked)).status == 200
    two = await open_door(backend(engine.url), backend(engine.url, model="other", aliases=()))
    answer = await two.post(CHAT, asked)
    assert answer.status == 404
    assert error(answer)["message"] == "The request names no model. Served: smollm2, other."


@pytest.mark.parametrize(
    ("state", "reason", "message", "code", "again"),
    [
        (
            "loading",
            "40 % of the weights are here",
            "smollm2: the request waited for 0 s, as long as it may; "
            "smollm2 is loading (40 % of the weights are here).",
            "queue_timeout",
            "30",
        ),
        (
            "down",
            "out of memory",
            "smollm2 cannot answer now: smollm2 is down (out of memory).",
            "model_down",
            "60",
        ),
    ],
)
async def test_model_not_ready(
    engine: FakeEngine, open_door: OpenDoor, state: Any, reason: str, message: str, code: str, again: str
) -> None:
    door = await open_door(backend(engine.url, state=state, reason=reason), terms=Terms(queue_seconds=0.1))
    answer = await door.chat("hi")
    assert (answer.status, answer.headers["retry-after"]) == (503, again)
    assert (error(answer)["message"], error(answer)["code"]) == (message, code)


async def test_who_comes_while_the_model_is_loading_waits_for_it(door: Door) -> None:
    door.backends.mark("smollm2", "loading")
    answer = asyncio.create_task(door.chat("hi"))
    await asyncio.sleep(0.1)
    assert not answer.done()
    door.backends.mark("smollm2", "ready")
    assert (await answer).status == 200


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        (b"", None, "The body is not JSON: Expecting value: line 1 column 1 (char 0)."),
        (b'{"model": ', None, "The body is not JSON: Expecting value: line 1 column 11 (char 10)."),
        (
            b'{"model": "smollm2", "temperature": NaN}',
            None,
            "The body is not JSON: NaN is not a JSON number.",
        ),
        (b'{"model": "\xff"}', None, "The body is not UTF-8: byte 11 is 0xff."),
        (b"[" * 100_000, None, "The body is nested too deeply."),
        (b"[1]", None, "The body must be a JSON object, not a list."),
        (b'{"model": 5}', "model", "'model' must be a string, not a number."),
        (b'{"stream": "yes"}', "stream", "'stream' must be true or false, not a string."),
        (b'{"stream_options": []}', "stream_options", "'stream_options' must be an object, not a list."),
        (b"{}", "messages", "'messages' is required: a list of {role, content} objects."),
        (b'{"messages": "hi"}', "messages", "'messages' must be a list, not a string."),
        (b'{"messages": []}', "messages", "'messages' is empty; there is nothing to answer."),
        (b'{"messages": [{}, null]}', "messages[1]", "A message must be an object, not null."),
    ],
)
async def test_bad_bodies(
    door: Door, engine: FakeEngine, body: bytes, param: str | None, message: str
) -> None:
    answer = await door.post(CHAT, data=body)
    assert answer.status == 400
    assert (error(answer)["message"], error(answer)["param"]) == (message, param)
    assert engine.received == []


async def test_a_body_that_is_not_encoded_as_it_says(door: Door) -> None:
    answer = await door.post(CHAT, data=b"not gzip at all", headers={"content-encoding": "gzip"})
    assert (answer.status, error(answer)["code"]) == (400, "bad_body")


@pytest.mark.parametrize(("given", "kept"), [("run-7.a:b_c", True), ("a b", False), ("x" * 200, False)])
async def test_request_id(door: Door, given: str, kept: bool) -> None:
    got = (await door.get("/health", headers={"x-request-id": given})).headers["x-request-id"]
    assert (got == given) is kept
    assert kept or re.fullmatch(r"req-[0-9a-f]{32}", got)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000"])
async def test_hosts_of_this_machine_are_let_in(door: Door, host: str) -> None:
    assert (await door.get("/health", headers={"host": host})).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", ""]
)
async def test_other_hosts_are_not(door: Door, host: str) -> None:
    answer = await door.get("/health", headers={"host": host})
    assert answer.status == 403
    assert error(answer) == {
        "message": "This gateway listens to this machine only, and the request's Host header names another "
        "machine. Use http://127.0.0.1 or http://localhost. Its owner lets other machines in with --host and "
        "keys.",
        "type": "invalid_request_error",
        "param": "host",
        "code": "host_not_allowed",
        "source": "gateway",
    }


async def test_hosts_that_were_allowed(engine: FakeEngine, open_door: OpenDoor) -> None:
    some = await open_door(allowed_hosts=["Box.lan"])
    assert (await some.get("/", headers={"host": "box.LAN:8000"})).status == 200
    assert (await some.get("/", headers={"host": "other.lan"})).status == 403
    every = await open_door(allowed_hosts=None)
    assert (await every.get("/", headers={"host": "other.lan", "origin": "http://page"})).status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8888", 200),
        ("vscode-webview://1a2b", 200),
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("null", 403),
    ],
)
async def test_pages_from_elsewhere_cannot_post_blindly(door: Door, origin: str, status: int) -> None:
    answer = await door.post(CHAT, chat("hi"), headers={"origin": origin})
    assert answer.status == status
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_one_log_line_a_request_without_what_was_said(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kanoa_mlops.gateway")
    secret = {"authorization": "Bearer sk-secret", "x-request-id": "r1"}
    await door.post(CHAT, chat("hi, secret"), headers=secret)
    await door.post(CHAT, chat("secret") | {"model": "secret"}, headers=secret)
    await door.post(CHAT, chat("cut mid-event", stream=True), headers=secret)
    await door.get("/health")
    # A machine that is busy takes a millisecond to find the backend free, and then the line says so.
    lines = [re.sub(r" queue_seconds=\d+\.\d{3}\b", "", record.message) for record in caplog.records]
    assert [re.sub(r"seconds=\d+\.\d{3}\b", "seconds=…", line) for line in lines] == [
        "request id=r1 method=POST route=/v1/chat/completions model=smollm2 backend=smollm2 status=200 "
        "seconds=… first_byte_seconds=… prompt_tokens=7 completion_tokens=4",
        "request id=r1 method=POST route=/v1/chat/completions model=none backend=none status=404 seconds=… "
        "error=model_not_found source=gateway",
        "request id=r1 method=POST route=/v1/chat/completions model=smollm2 backend=smollm2 status=502 "
        "seconds=… first_byte_seconds=… error=engine_stream_cut source=gateway",
    ]


async def test_an_unexpected_failure_is_an_answer_without_a_traceback(
    engine: FakeEngine, open_door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    door = await open_door(backend(engine.url), figures=BrokenReader())
    image = {"type": "image_url", "image_url": "data:image/png;base64,c2VjcmV0"}
    asked = chat("secret") | {"messages": [{"role": "user", "content": [image]}]}
    answer = await door.post(CHAT, asked, headers={"x-request-id": "r1"})
    assert answer.status == 500
    assert error(answer) == {
        "message": "The gateway failed on this request. Its log has the reason under r1.",
        "type": "server_error",
        "param": None,
        "code": "internal_error",
        "source": "gateway",
    }
    failure = next(record for record in caplog.records if record.exc_info)
    assert failure.message == "unexpected failure id=r1 route=/v1/chat/completions"
    assert "secret" not in caplog.text


async def test_what_is_no_http_is_not_quoted_in_the_log(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret"
    for rest in (b"\x00\r\n\r\n", b"x" * 40_000 + b"\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.gateway.port)
        writer.write(head + rest)
        assert (await reader.read(4096)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        writer.close()
        await writer.wait_closed()
    assert "secret" not in caplog.text
