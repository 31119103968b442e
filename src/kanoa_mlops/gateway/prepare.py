"""The body that goes on to the engine: the bytes as they came, unless something in them has to change."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.body import Asked
from kanoa_mlops.gateway.counters.dialect import engine_name
from kanoa_mlops.gateway.counting import QUESTION, options_of
from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.hosted import outgoing

_KEY = b'"model"'
_IMAGE = b";base64,"
_NAMED = re.compile(rb'"model"\s*:\s*"([^"\\]*)"')
_ESCAPED_LETTER = b"\\u006"
_ANSWER = ("max_tokens", "max_completion_tokens")
Edit = tuple[int, int, bytes]
"""From where to where, and what stands there instead."""


def prepare(asked: Asked, backend: Backend) -> bytes:
    """The request in the engine's words: an alias becomes the name that the engine knows.

    An engine that counts the tokens of a stream only when asked is asked; `Tally` hides what it tells.
    """
    changed = _shortened(asked.fields, backend) | _chosen(asked.fields, backend)
    edits = None if changed or backend.grant else _edits(asked, backend)
    if edits is not None:
        return _edited(asked.raw, edits)
    fields = {**asked.fields, **changed, **options_of(asked, backend), "model": backend.engine_model}
    return as_json(outgoing(fields) if backend.grant else fields)


def _edits(asked: Asked, backend: Backend) -> list[Edit] | None:
    """Which bytes become which others, in their order; None where all is to be written anew."""
    edits: list[Edit] = []
    if options_of(asked, backend):
        if "stream_options" in asked.fields:
            return None
        begin = asked.raw.index(b"{") + 1
        edits.append((begin, begin, QUESTION))
    if asked.model == backend.engine_model or (asked.model is None and not backend.upstream_model):
        return edits
    place = _named(asked)
    return None if place is None else [*edits, (*place, _spelled(backend.engine_model))]


def _edited(raw: bytes, edits: Sequence[Edit]) -> bytes:
    """The same bytes but for these. Copied once: writing a large image anew takes long."""
    if not edits:
        return raw
    view, at = memoryview(raw), 0
    parts: list[bytes | memoryview] = []
    for begin, end, text in edits:
        parts += (view[at:begin], text)
        at = end
    return b"".join((*parts, view[at:]))


def _named(asked: Asked) -> tuple[int, int] | None:
    """Which bytes name the model; None where that is not certain."""
    raw = asked.raw
    keys = list(islice(_keys(raw), 2))
    # With a single key of that name, and none that is spelled in escapes, it is that of the outermost object.
    if len(keys) != 1 or (b"\\" in raw and _ESCAPED_LETTER in raw):
        return None
    named = _NAMED.match(raw, keys[0])
    if named is None or named[1].decode() != asked.model:
        return None
    return named.span(1)


def _keys(raw: bytes) -> Iterator[int]:
    """Where they begin. Images are passed over: to find their end takes a tenth of looking through them."""
    begin = 0
    while begin >= 0:
        image = raw.find(_IMAGE, begin)
        end = image if image >= 0 else len(raw)
        at = raw.find(_KEY, begin, end)
        while at >= 0:
            yield at
            at = raw.find(_KEY, at + 1, end)
        begin = raw.find(b'"', end)


@lru_cache(maxsize=256)
def _spelled(model: str) -> bytes:
    return json.dumps(model)[1:-1].encode()


def without(asked: Asked, field: str) -> Asked:
    """The same request, but for a field that was seen to here."""
    fields = {key: value for key, value in asked.fields.items() if key != field}
    return replace(asked, fields=fields, raw=as_json(fields))


def as_json(fields: Mapping[str, Any]) -> bytes:
    """
    Raises:
        ApiError: 400, it is nested deeper than can be written, though it could be read.
    """
    try:
        # ASCII escapes carry even a lone surrogate, which UTF-8 cannot.
        return json.dumps(fields, separators=(",", ":")).encode()
    except RecursionError as error:
        raise ApiError(400, "The body is nested too deeply.", code="invalid_body") from error


def _chosen(fields: Mapping[str, Any], backend: Backend) -> dict[str, Any]:
    """llama.cpp knows words alone for `tool_choice`; of a named function it takes no notice."""
    choice = fields.get("tool_choice")
    if not isinstance(choice, dict) or engine_name(backend.engine) != "llama.cpp":
        return {}
    name = _function_name(choice)
    tools = [tool for tool in fields.get("tools") or () if name and _function_name(tool) == name]
    return {"tools": tools, "tool_choice": "required"} if tools else {}


def _function_name(given: object) -> object:
    function = given.get("function") if isinstance(given, dict) else None
    return function.get("name") if isinstance(function, dict) else None


def _shortened(fields: Mapping[str, Any], backend: Backend) -> dict[str, int]:
    """An answer longer than the context cannot come; vLLM refuses to begin one, others stop at the end.

    kanoa asks for 3000 tokens whatever is served.
    """
    return {
        name: backend.context_tokens
        for name in _ANSWER
        if isinstance(fields.get(name), int) and fields[name] > backend.context_tokens
    }
