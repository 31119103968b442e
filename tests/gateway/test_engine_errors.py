"""What engines say when they refuse, as they say it, and what the client is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kanoa_mlops.gateway.engine_errors import translate, translate_hidden
from kanoa_mlops.gateway.envelope import ApiError
from tests.gateway.conftest import backend

SMOLLM = backend("http://127.0.0.1:1")


def llama(code: int, message: str, kind: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message, "type": kind}}).encode()


def told(error: ApiError) -> tuple[int, str, str | None, str]:
    assert error.source == "engine"
    return error.status, error.code, error.param, error.message


@pytest.mark.parametrize(
    "message",
    [
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
        "Failed to parse messages: Missing 'role' in message: {}",
        "Failed to parse tools: Missing tool function: {}",
    ],
)
def test_a_fault_of_the_request_that_llama_cpp_takes_for_its_own(message: str) -> None:
    error = translate(500, llama(500, message, "server_error"), SMOLLM)
    assert told(error) == (400, "invalid_value", None, message)


def test_a_real_fault_of_the_engine_stays_one() -> None:
    error = translate(500, llama(500, "failed to decode batch", "server_error"), SMOLLM)
    assert told(error) == (500, "server_error", None, "failed to decode batch")


def test_the_field_that_llama_cpp_names_is_the_param() -> None:
    message = "Field 'max_tokens': [json.exception.type_error.302] type must be number, but is string"
    error = translate(400, llama(400, message, "invalid_request_error"), SMOLLM)
    assert told(error) == (400, "invalid_request_error", "max_tokens", message)


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "code": 400,
                "message": "request (9031 tokens) exceeds the available context size (4096 tokens)",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9031,
                "n_ctx": 4096,
            }
        },
        {
            "object": "error",
            "message": "This model's maximum context length is 4096 tokens. However, you requested 9031 "
            "tokens (9000 in the messages, 31 in the completion).",
            "type": "BadRequestError",
            "code": 400,
        },
        {
            "error": {
                "message": "This model's maximum context length is 4096 tokens. However, your request has "
                "9031 input tokens. Please reduce the length of the input messages.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            }
        },
    ],
)
def test_a_request_longer_than_the_context(body: dict[str, Any]) -> None:
    error = translate(400, json.dumps(body).encode(), SMOLLM)
    assert told(error) == (
        400,
        "context_length_exceeded",
        "messages",
        "The request has 9031 tokens, and smollm2 takes 4096 here, prompt and answer together. "
        "Send fewer rows or a shorter text, or serve the model with a longer context.",
    )
    assert error.details == {"n_prompt_tokens": 9031, "n_ctx": 4096}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The engine gave no reason."),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"  plain\n words ", "plain words"),
        (b"<html><script>x</script><h1>Bad  Gateway</h1></html>", "Bad Gateway"),
        (b"x" * 1000, "x" * 300),
        (b'"text"', '"text"'),
        (b'{"error": "a string"}', "a string"),
        (b'{"error": {"no": "message"}}', '{"error": {"no": "message"}}'),
        (b'{"detail": "Not Found"}', '{"detail": "Not Found"}'),
    ],
)
def test_a_refusal_without_the_usual_form(body: bytes, message: str) -> None:
    assert told(translate(418, body, SMOLLM)) == (418, "engine_error", None, message)


def test_no_embeddings_is_not_asked_again() -> None:
    message = "This server does not support embeddings. Start it with `--embeddings`"
    error = translate(501, llama(501, message, "not_supported_error"), SMOLLM)
    assert error.headers == {"x-should-retry": "false"}
    assert error.message.startswith("smollm2 is served for chat and makes no embeddings.")


@pytest.mark.parametrize(
    ("event", "status", "message"),
    [
        ({"error": {"message": "m", "code": 503}}, 503, "m"),
        ({"error": {"message": "m", "code": "overloaded"}}, 502, "m"),
        ({"error": "m"}, 502, "m"),
        ({"object": "error", "message": "m", "code": 400}, 400, "m"),
        ({"message": "m", "code": 500}, 500, "m"),
    ],
)
def test_errors_under_a_status_of_200(event: dict[str, Any], status: int, message: str) -> None:
    error = translate_hidden(json.dumps(event).encode(), SMOLLM)
    assert (error.status, error.message) == (status, message)
