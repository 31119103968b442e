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
_VLLM_CONTEXT = re.compile(
    r"maximum context length is (\d+) tokens.*?(?:requested|has|contains(?: at least)?) (\d+)", re.S
)
_LONGEST_TEXT = 300  # characters of an answer that is no JSON


def translate(status: int, body: bytes, backend: Backend, *, retry_after: str = "") -> ApiError:
    """What the client is told for an answer of the engine that is no success."""
    fields = _fields(body)
    message = str(fields.get("message") or _text(body) or "The engine gave no reason.")
    if status in (401, 403):
        return _key_refused(status, backend)
    if not 400 <= status < 600:
        return _error(502, f"The engine answered with HTTP {status}.", "engine_bad_answer")
    if context := _context(fields, message):
        return _too_long(*context, backend)
    if status == 500 and _CLIENTS_FAULT.search(message):
        return _error(400, message, "invalid_value")
    if status == 501:
        return _unsupported(message, backend)
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


def _context(fields: Mapping[str, Any], message: str) -> tuple[int, int] | None:
    """How long the request is and how long it may be, in tokens."""
    asked, room = fields.get("n_prompt_tokens"), fields.get("n_ctx")
    if isinstance(asked, int) and isinstance(room, int):
        return asked, room
    if match := _VLLM_CONTEXT.search(message):
        return int(match[2]), int(match[1])
    return None


def _too_long(asked: int, room: int, backend: Backend) -> ApiError:
    return ApiError(
        400,
        f"The request has {asked} tokens, and {backend.model} takes {room} here, prompt and answer together. "
        "Send fewer rows or a shorter text, or serve the model with a longer context.",
        code="context_length_exceeded",
        param="messages",
        source="engine",
        details={"n_prompt_tokens": asked, "n_ctx": room},
    )


def _unsupported(message: str, backend: Backend) -> ApiError:
    if "embeddings" in message:
        message = (
            f"{backend.model} is served for chat and makes no embeddings. Serve an embedding model for that."
        )
    # Asking again cannot help; OpenAI's clients would, for any status from 500 on.
    return ApiError(501, message, code="not_supported", source="engine", headers={"x-should-retry": "false"})


def _key_refused(status: int, backend: Backend) -> ApiError:
    # To the client a 401 would mean that its own key is wrong.
    message = (
        f"The engine behind {backend.model} refused the gateway ({status}): its key is not the one expected."
    )
    return _error(502, message, "engine_refused_gateway")


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
        return value
    named = re.match(r"Field '([\w.]+)'", str(fields.get("message") or ""))  # llama.cpp
    return named[1] if named else None
