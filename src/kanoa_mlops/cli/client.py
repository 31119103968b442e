"""Talking to a running gateway: its health, and a streamed answer."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.errors import Failure, NothingServed, UserError

_HEALTH_SECONDS = 2.0
_GET_SECONDS = 5.0
# A gateway on this machine is never reached through a proxy.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answered:
    """What a streamed answer took."""

    model: str
    input_tokens: int
    output_tokens: int
    first_token_seconds: float
    total_seconds: float
    figure: str
    """How the figure reached the model: the reader's name; '' when the model saw it, or there was none."""

    @property
    def tokens_per_second(self) -> float:
        """Of the answer, once it had begun."""
        after_first = self.total_seconds - self.first_token_seconds
        return (self.output_tokens - 1) / after_first if after_first > 0 and self.output_tokens > 1 else 0.0


def health(url: str) -> dict[str, Any] | None:
    """What `/health` says, ready or not; None if nothing answers in time."""
    try:
        with _opener.open(f"{url}/health", timeout=_HEALTH_SECONDS) as answer:
            document = json.load(answer)
    except urllib.error.HTTPError as error:
        document = _json_or_empty(error.read())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def get(url: str) -> bytes:
    """What a gateway says at this address.

    Raises:
        NothingServed: nothing answers there in time.
        Failure: something answers, but not with this.
    """
    try:
        with _opener.open(url, timeout=_GET_SECONDS) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        error.close()
        raise Failure(f"{url} answers {error.code}: something else may listen there.") from error
    except (OSError, http.client.HTTPException) as error:
        raise NothingServed(
            f"Nothing answers at {url}.",
            hint="`kanoa-mlops status` shows what is served; --port names another.",
        ) from error


def stream_answer(url: str, request: dict[str, Any]) -> Iterator[str | Answered]:
    """Pieces of text as they come, then one `Answered`.

    Raises:
        UserError: the gateway or the engine refused the request (4xx).
        Failure: it broke, before or in the middle of the answer.
    """
    body = json.dumps(request | {"stream": True, "stream_options": {"include_usage": True}}).encode()
    call = urllib.request.Request(
        f"{url}/v1/chat/completions", data=body, headers={"Content-Type": "application/json"}
    )
    began = time.monotonic()
    try:
        with _opener.open(call) as answer:
            yield from _read(answer, began)
    except urllib.error.HTTPError as error:
        message = _message(_json_or_empty(error.read())) or f"HTTP {error.code}"
        raise (UserError if error.code < 500 else Failure)(message) from error
    except OSError as error:
        raise Failure(f"The connection to {url} broke: {error}.", hint="Run `kanoa-mlops status`.") from error


def _read(answer: Any, began: float) -> Iterator[str | Answered]:
    first = 0.0
    usage: dict[str, int] = {}
    model, done = "", False
    for line in answer:
        data = line.strip().removeprefix(b"data:").strip()
        if not line.startswith(b"data:"):
            continue
        if data == b"[DONE]":
            done = True
            break
        event = _json_or_empty(data)
        if message := _message(event):
            raise Failure(message, hint="Run `kanoa-mlops status`.")
        model = event.get("model") or model
        usage = event.get("usage") or usage
        for choice in event.get("choices", ()):
            delta = choice.get("delta", {})
            if text := delta.get("content") or delta.get("reasoning_content"):
                first = first or time.monotonic() - began
                yield text
    if not done:
        raise Failure("The answer broke off.", hint="Run `kanoa-mlops status`.")
    total = time.monotonic() - began
    yield Answered(
        model=answer.headers.get("x-kanoa-model") or model,
        input_tokens=usage.get("prompt_tokens", 0),
        output_tokens=usage.get("completion_tokens", 0),
        first_token_seconds=first or total,
        total_seconds=total,
        figure=answer.headers.get("x-kanoa-figure", ""),
    )


def _message(document: dict[str, Any]) -> str:
    error = document.get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def _json_or_empty(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
