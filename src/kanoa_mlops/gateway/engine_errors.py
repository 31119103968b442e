"""An engine's refusal, whatever its form, in the gateway's envelope."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.envelope import ApiError

# llama.cpp b11549 answers 500 to these though the request was at fault; each was provoked against it.
_CLIENTS_FAULT = re.compile(
    r"(image|audio|video) input is not supported"
    r"|failed to (load|decode) (image|audio|video)"
    r"|failed to parse (messages|tools)",
    re.IGNORECASE,
)
# vLLM: "This model's maximum context length is 4096 tokens. However, you requested 9031 tokens"; verbs vary.
# It stops counting when it knows enough, and of a very long prompt it counts the letters alone.
_VLLM_CONTEXT = re.compile(
    r"maximum context length is (?P<room>\d+) tokens.*?"
    r"(?:requested|has|contains) (?P<least>at least )?(?P<asked>\d+) (?P<letters>characters)?",
    re.S,
)
# llama.cpp, of a text that a vector is made of: "input (602 tokens) is too large to process. increase the
# physical batch size (current batch size: 512)"; of a text whose vector may be made in pieces, as of a chat.
_LLAMA_BATCH = re.compile(r"input \((?P<asked>\d+) tokens\) is too large .*batch size: (?P<room>\d+)", re.S)
# vLLM on a field that is of no use to it: "{'type': 'int_parsing', 'loc': 'body.n', 'msg': 'Input …', …}"
_VLLM_FIELD = re.compile(
    r"'loc': '(?:body\.)?(?P<field>[^']*)', 'msg': (?P<quote>['\"])(?P<why>.*?)(?P=quote)"
)
# vLLM 0.32: "At most 1 image(s) may be provided in one prompt."
_VLLM_MEDIA = re.compile(r"At most (?P<most>\d+) (?P<kind>image|video|audio)\(s\) may be provided")
# vLLM, asked for what this kind of model does not do.
_VLLM_NO_PATH = {"detail": "Not Found"}
# A server in Go, as Ollama is, on a path it does not have; it has none for reranking.
_OLLAMA_NO_PATH = b"404 page not found"
_LONGEST_TEXT = 300  # characters of an answer that is no JSON


def translate(status: int, body: bytes, backend: Backend, *, retry_after: str = "") -> ApiError:
    """What the client is told for an answer of the engine that is no success."""
    fields = _fields(body)
    message = str(fields.get("message") or _text(body) or "The engine gave no reason.")
    if status in (401, 403):
        return _key_refused(status, backend)
    if status == 402:
        return _unpaid(backend)
    if not 400 <= status < 600:
        return _error(502, f"The engine answered with HTTP {status}.", "engine_bad_answer")
    if too_long := _too_long(fields, message, backend):
        return too_long
    if limit := _VLLM_MEDIA.search(message):
        return _too_many(int(limit["most"]), limit["kind"], backend)
    if status == 500 and _CLIENTS_FAULT.search(message):
        return _error(400, message, "invalid_value")
    if status == 501:
        return _unsupported(message, backend)
    if status == 404 and (fields == _VLLM_NO_PATH or body.strip() == _OLLAMA_NO_PATH):
        return _unsupported(f"{backend.model} is served for chat and does not do this.", backend)
    message = _named_fields(message)
    headers = {"retry-after": retry_after} if retry_after else {}
    return ApiError(
        status, message, code=_code(fields), param=_param(fields), source="engine", headers=headers
    )


def translate_hidden(body: bytes, backend: Backend) -> ApiError:
    """The same for an error that came with a status of 200, in a stream's event or as a whole answer."""
    code = _fields(body).get("code")
    return translate(code if isinstance(code, int) and 400 <= code < 600 else 502, body, backend)


def _fields(body: bytes) -> dict[str, Any]:
    """The error object: under 'error' (OpenAI, llama.cpp), or the body itself (older vLLM, TGI)."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    error = value.get("error", value)
    if isinstance(error, dict):
        return error
    return {**value, "message": value.get("message") or error}


def _text(body: bytes) -> str:
    """A proxy's page or a bare line, without its markup."""
    text = re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", body.decode(errors="replace"), flags=re.S | re.I)
    return " ".join(text.split())[:_LONGEST_TEXT]


def _too_long(fields: Mapping[str, Any], message: str, backend: Backend) -> ApiError | None:
    """With how long the request is and how long it may be, where the engine says so."""
    asked, room = fields.get("n_prompt_tokens"), fields.get("n_ctx")
    if isinstance(asked, int) and isinstance(room, int):
        return _longer(f"{asked} tokens", f"{room}", backend, {"n_prompt_tokens": asked, "n_ctx": room})
    if batch := _LLAMA_BATCH.search(message):
        counts = {"n_prompt_tokens": int(batch["asked"]), "n_ctx": int(batch["room"])}
        return _longer(f"{batch['asked']} tokens", batch["room"], backend, counts)
    found = _VLLM_CONTEXT.search(message)
    if found is None:
        return None
    asked, room = int(found["asked"]), int(found["room"])
    if found["letters"]:
        return _longer(f"{asked} characters", f"{room} tokens", backend, {"n_ctx": room})
    counted = f"{found['least'] or ''}{asked} tokens"
    return _longer(counted, f"{room}", backend, {"n_prompt_tokens": asked, "n_ctx": room})


def _longer(asked: str, room: str, backend: Backend, details: Mapping[str, int]) -> ApiError:
    if backend.kind == "rerank":
        return ApiError(
            400,
            f"Question and document have {asked} together, and {backend.model} takes {room} here. Send the "
            "document in pieces, or serve the model with a longer context.",
            code="context_length_exceeded",
            param="documents",
            source="engine",
            details=details,
        )
    if backend.kind == "embedding":
        return ApiError(
            400,
            f"A text has {asked}, and {backend.model} takes {room} here. Send it in pieces, or with "
            "truncate_prompt_tokens: -1 to have it cut.",
            code="context_length_exceeded",
            param="input",
            source="engine",
            details=details,
        )
    return ApiError(
        400,
        f"The request has {asked}, and {backend.model} takes {room} here, prompt and answer together. "
        "Send fewer rows or a shorter text, or serve the model with a longer context.",
        code="context_length_exceeded",
        param="messages",
        source="engine",
        details=details,
    )


def _too_many(most: int, kind: str, backend: Backend) -> ApiError:
    if not most:
        return ApiError(
            400,
            f"{backend.model} takes no {kind} here.",
            code="invalid_value",
            param="messages",
            source="engine",
        )
    return ApiError(
        400,
        f"{backend.model} takes {most} {kind}{'s' * (most != 1)} a request here. "
        f"Send fewer, or serve the model with --{kind}s.",
        code=f"too_many_{kind}s",
        param="messages",
        source="engine",
    )


def _named_fields(message: str) -> str:
    """vLLM's list of what is wrong with which field, for people."""
    wrong = [f"{each['field']}: {each['why']}" for each in _VLLM_FIELD.finditer(message)]
    return "; ".join(wrong) + "." if wrong else message


def _unsupported(message: str, backend: Backend) -> ApiError:
    if "embeddings" in message:
        message = (
            f"{backend.model} is served for chat and makes no embeddings. Serve an embedding model for that."
        )
    if "reranking" in message:
        message = f"{backend.model} is served for chat and does not rerank. Serve a reranking model for that."
    # Asking again cannot help; OpenAI's clients would, for any status from 500 on.
    return ApiError(501, message, code="not_supported", source="engine", headers={"x-should-retry": "false"})


def _key_refused(status: int, backend: Backend) -> ApiError:
    # To the client a 401 would mean that its own key is wrong.
    message = (
        f"The engine behind {backend.model} refused the gateway ({status}): its key is not the one expected."
    )
    return _error(502, message, "engine_refused_gateway")


def _unpaid(backend: Backend) -> ApiError:
    # To the client a 402 would mean that it has to pay.
    message = f"What was paid for at {backend.engine} is used up; the gateway's owner can tell."
    return _error(503, message, "backend_exhausted")


def _error(status: int, message: str, code: str) -> ApiError:
    return ApiError(status, message, code=code, source="engine")


def _code(fields: Mapping[str, Any]) -> str:
    """A word, where the engine has one; llama.cpp's code is the status again and its type says more."""
    for key in ("code", "type"):
        value = fields.get(key)
        if isinstance(value, str) and re.fullmatch(r"[\w.-]+", value):
            return value
    return "engine_error"


def _param(fields: Mapping[str, Any]) -> str | None:
    value = fields.get("param")
    if isinstance(value, str):
        return value.removeprefix("body.")  # vLLM
    named = re.match(r"Field '([\w.]+)'", str(fields.get("message") or ""))  # llama.cpp
    return named[1] if named else None
