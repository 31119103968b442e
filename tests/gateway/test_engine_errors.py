"""What engines say when they refuse, as they say it, and what the client is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kanoa_mlops.gateway.engine_errors import translate, translate_hidden
from kanoa_mlops.gateway.envelope import ApiError
from tests.gateway.conftest import backend

SMOLLM = backend("http://127.0.0.1:1")
FEWER = "Send fewer, or serve the model with --images."


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


def vllm(message: str, param: str | None = None, kind: str = "BadRequestError") -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": 400}}).encode()


@pytest.mark.parametrize(
    ("counted", "asked", "room", "details"),
    [
        (
            "contains at least 2049 input tokens, which exceeds this limit even without any output tokens. "
            "Please reduce the length of the input prompt. (parameter=input_tokens, value=2049)",
            "at least 2049 tokens",
            "2048",
            {"n_prompt_tokens": 2049, "n_ctx": 2048},
        ),
        (
            "contains 700000 characters (more than 98304 characters, which is the upper bound for 2048 input "
            "tokens). Please reduce the length of the input prompt.",
            "700000 characters",
            "2048 tokens",
            {"n_ctx": 2048},
        ),
    ],
)
def test_vllm_counts_no_further_than_it_must(
    counted: str, asked: str, room: str, details: dict[str, int]
) -> None:
    message = f"This model's maximum context length is 2048 tokens. However, your prompt {counted}"
    error = translate(400, vllm(message, "input_tokens"), SMOLLM)
    assert error.message.startswith(f"The request has {asked}, and smollm2 takes {room} here,")
    assert (error.code, error.param, error.details) == ("context_length_exceeded", "messages", details)


@pytest.mark.parametrize(
    ("most", "kind", "code", "said"),
    [
        (1, "image", "too_many_images", "takes 1 image a request here. " + FEWER),
        (3, "image", "too_many_images", "takes 3 images a request here. " + FEWER),
        (0, "image", "invalid_value", "takes no image here."),
        (0, "video", "invalid_value", "takes no video here."),
    ],
)
def test_more_than_vllm_takes(most: int, kind: str, code: str, said: str) -> None:
    error = translate(400, vllm(f"At most {most} {kind}(s) may be provided in one prompt.", kind), SMOLLM)
    assert told(error) == (400, code, "messages", f"smollm2 {said}")


def test_vllm_names_every_field_that_is_wrong() -> None:
    message = (
        "2 validation errors:\n"
        "  {'type': 'int_parsing', 'loc': 'body.n', 'msg': 'Input should be a valid integer', 'input': 'x'}\n"
        "  {'type': 'string', 'loc': 'body.stop.0', 'msg': \"Input isn't a string\", 'input': '1'}"
    )
    error = translate(400, vllm(message, "body.n", "Bad Request"), SMOLLM)
    assert told(error) == (
        400,
        "engine_error",
        "n",
        "n: Input should be a valid integer; stop.0: Input isn't a string.",
    )


@pytest.mark.parametrize("body", [b'{"detail":"Not Found"}', b"404 page not found\n"])
def test_a_path_that_the_engine_has_not_for_this_model(body: bytes) -> None:
    error = translate(404, body, SMOLLM)
    assert told(error) == (501, "not_supported", None, "smollm2 is served for chat and does not do this.")
    assert error.headers == {"x-should-retry": "false"}


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


def test_no_reranking_neither() -> None:
    message = "This server does not support reranking. Start it with `--reranking`"
    error = translate(501, llama(501, message, "not_supported_error"), SMOLLM)
    assert error.message.startswith("smollm2 is served for chat and does not rerank.")


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
