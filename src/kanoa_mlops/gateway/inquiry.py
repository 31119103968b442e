"""What the gateway asks an engine for its own sake: is it well, what has it counted, what can it do."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

from kanoa_mlops.gateway.backends import Backend, State
from kanoa_mlops.gateway.counters.counters import EngineCounters, Unreadable
from kanoa_mlops.gateway.counters.dialect import dialect_of, engine_name
from kanoa_mlops.gateway.http.client import Broken, Client, Unreachable
from kanoa_mlops.gateway.http.connection import Connection

_TIMEOUT_SECONDS = 5.0
_WORD_SECONDS = 30.0
_MOST_BYTES = 1024**2  # vLLM 0.32 tells 57 kB; each adapter and each part of a split engine adds some
_NOT_SO = range(400, 500)


async def ask_health(client: Client, backend: Backend, path: str) -> tuple[State, str]:
    """The state, and why it is not ready."""
    try:
        async with (
            asyncio.timeout(_TIMEOUT_SECONDS),
            client.ask("GET", backend.url + path, headers=backend.headers, beyond=not backend.near) as answer,
        ):
            status = answer.status
    except TimeoutError:
        return "down", f"no answer within {_TIMEOUT_SECONDS:g} s"
    except Unreachable as error:
        return "down", f"not reached: {error}"
    except Broken:
        return "down", "it ends the connection without an answer"
    if status == 503:
        return "loading", "the engine loads the model"
    return ("ready", "") if status == 200 else ("down", f"its health check answers HTTP {status}")


async def ask_counters(client: Client, backend: Backend) -> EngineCounters | Unreadable:
    """One request of bounded size and time.

    llama.cpp's two gauges of tokens per second are averages since somebody last asked; this is somebody.
    """
    dialect = dialect_of(backend.engine)
    if dialect is None:
        return Unreadable(f"nothing is known of the counters of {backend.engine}")
    told = await _told(client, backend, dialect.path)
    if isinstance(told, Unreadable):
        return told
    text = told.decode(errors="replace")
    counters = dialect.read(text, backend.engine_model)
    if isinstance(counters, Unreadable) and dialect.names:
        return dialect.read(text, await _own_name(client, backend, dialect.names))
    return counters


async def ask_tools(client: Client, backend: Backend) -> bool | None:
    """Whether the model's template says anything of tools; None where the engine does not tell.

    llama.cpp takes tools for any model, and leaves them out of the prompt of one that was not made for them.
    vLLM and Ollama refuse such a request themselves.
    """
    if engine_name(backend.engine) != "llama.cpp":
        return None
    told = await _told(client, backend, "/props")
    if isinstance(told, Unreadable):
        return None
    try:
        return bool(json.loads(told)["chat_template_caps"]["supports_tools"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None  # an older one says nothing of it


async def ask_word(client: Client, backend: Backend) -> bool:
    """Whether it makes one token. One that takes no such request may be well: clients will find out."""
    asked = {"model": backend.engine_model, "prompt": "1", "max_tokens": 1}
    headers = {"content-type": "application/json", **backend.headers}
    url, body = f"{backend.url}/v1/completions", json.dumps(asked).encode()
    try:
        async with (
            asyncio.timeout(_WORD_SECONDS),
            client.ask("POST", url, headers=headers, body=body, beyond=not backend.near) as answer,
        ):
            return answer.status in _NOT_SO or (answer.status == 200 and bool(await _read(answer)))
    except (TimeoutError, Unreachable, Broken):
        return False


async def _own_name(client: Client, backend: Backend, path: str) -> str:
    """What the engine itself calls the model that we ask it for."""
    told = await _told(client, backend, path + quote(backend.engine_model))
    try:
        return backend.engine_model if isinstance(told, Unreadable) else str(json.loads(told)["id"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return backend.engine_model


async def _told(client: Client, backend: Backend, path: str) -> bytes | Unreadable:
    try:
        async with (
            asyncio.timeout(_TIMEOUT_SECONDS),
            client.ask("GET", backend.url + path, headers=backend.headers, beyond=not backend.near) as answer,
        ):
            if answer.status != 200:
                return Unreadable(f"{path} answers HTTP {answer.status}")
            body = await _read(answer)
    except (TimeoutError, Unreachable, Broken):
        return Unreadable(f"{path} does not answer within {_TIMEOUT_SECONDS:g} s")
    return Unreadable(f"{path} answers more than {_MOST_BYTES} bytes") if body is None else body


async def _read(answer: Connection) -> bytes | None:
    """The whole body; None where it is too long."""
    body = b""
    while piece := await answer.chunk():
        body += piece
        if len(body) > _MOST_BYTES:
            return None
    return body
