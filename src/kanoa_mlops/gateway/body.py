"""What came in: read within its bound, parsed once, and only for what the gateway must know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from kanoa_mlops.gateway import routes
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.http.decoding import BadEncoding, Decoder
from kanoa_mlops.gateway.http.request import Request
from kanoa_mlops.gateway.inflight import Patience


@dataclass(frozen=True)
class Asked:
    """A request's body. `raw` is what goes on to the engine unless something in it has to change."""

    raw: bytes
    fields: Mapping[str, Any]
    model: str | None
    stream: bool
    """Its answer is wanted in pieces, and can come so."""
    wants_usage: bool
    """Asked for a last event that counts the tokens."""


async def read_body(request: Request, max_bytes: int, patience: Patience) -> bytes:
    """The whole body.

    Raises:
        ApiError: 413 beyond `max_bytes`, before reading where the length is declared; 400 for broken framing.
        ClientLeft: the client went away while sending.
    """
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    parts: list[bytes] = []
    size = came = 0
    try:
        encoding = request.headers.get("content-encoding")
        decoder = Decoder(encoding) if encoding else None
        while piece := await request.piece():
            patience.renew()
            came += len(piece)
            if came > max_bytes:  # compressed, it may be endless and hold nothing
                raise _too_large(max_bytes)
            for part in decoder.feed(piece) if decoder else (piece,):
                size += len(part)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                parts.append(part)
        if decoder:
            decoder.finish()
    except BadEncoding as error:
        raise ApiError(400, f"The request's body is not what it says: {error}.", code="bad_body") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


def parse_body(raw: bytes, route: str) -> Asked:
    """Check the types of what the gateway relies on; everything else is the engine's to judge.

    Args:
        route: for which it came.

    Raises:
        ApiError: 400, naming the field.
    """
    fields = _object(raw)
    model = _typed(fields, "model", str)
    stream = _typed(fields, "stream", bool) is True and route in routes.STREAMED
    options = _typed(fields, "stream_options", dict) or {}
    if route == routes.CHAT or "messages" in fields:  # vLLM takes them for embeddings too, images and all
        _check_messages(fields)
    return Asked(raw, fields, model, stream, wants_usage=stream and options.get("include_usage") is True)


def _too_large(max_bytes: int) -> ApiError:
    return ApiError(
        413,
        f"The request is larger than {max_bytes:,} bytes, the most this gateway takes. "
        "Send a smaller image or fewer rows, or raise max_body_bytes (KANOA_MLOPS_MAX_BODY).",
        code="request_too_large",
    )


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = _judged(raw)
    if not isinstance(value, dict):
        raise _bad(f"The body must be a JSON object, not {_name(value)}.")
    return value


def _judged(raw: bytes) -> Any:
    """What the fast parser refused: Python's own says why, and knows lone surrogates."""
    try:
        return json.loads(raw.decode(), parse_constant=_not_json)
    except UnicodeDecodeError as error:
        raise _bad(f"The body is not UTF-8: byte {error.start} is {raw[error.start]:#04x}.") from error
    except RecursionError as error:
        raise _bad("The body is nested too deeply.") from error
    except ValueError as error:
        raise _bad(f"The body is not JSON: {error}.") from error


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _typed(fields: Mapping[str, Any], name: str, wanted: type) -> Any:
    value = fields.get(name)
    if value is None or isinstance(value, wanted):
        return value
    raise _bad(f"'{name}' must be {_NAMES[wanted]}, not {_name(value)}.", name)


def _check_messages(fields: Mapping[str, Any]) -> None:
    messages = fields.get("messages")
    if messages is None:
        raise _bad("'messages' is required: a list of {role, content} objects.", "messages")
    if not isinstance(messages, list):
        raise _bad(f"'messages' must be a list, not {_name(messages)}.", "messages")
    if not messages:
        raise _bad("'messages' is empty; there is nothing to answer.", "messages")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise _bad(f"A message must be an object, not {_name(message)}.", f"messages[{index}]")


_NAMES = {
    str: "a string",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def _name(value: object) -> str:
    return _NAMES[type(value)]


def _bad(message: str, param: str | None = None) -> ApiError:
    return ApiError(400, message, code="invalid_body" if param is None else "invalid_value", param=param)
