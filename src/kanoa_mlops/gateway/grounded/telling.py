"""A whole chat completion with what it cites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from kanoa_mlops.gateway.grounded.grounds import Grounds
from kanoa_mlops.gateway.http.response import Response


def with_citations(answer: Response, grounds: Grounds, *, listed: bool) -> Response:
    """
    Args:
        listed: the sources stand under the text too.
    """
    document = _parsed(answer)
    if document is None:
        return answer  # it is encoded, and nobody here reads it
    for at, choice in enumerate(document.get("choices") or []):
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            _tell(message, grounds, _index(choice, at), listed=listed)
    document["grounding"] = grounds.told()
    return Response(answer.status, orjson.dumps(document), dict(answer.headers))


def _tell(message: dict[str, Any], grounds: Grounds, index: int, *, listed: bool) -> None:
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    grounds.report(index, text)
    if listed and text and (sources := grounds.sources(index)):
        message["content"] = text + sources
    if annotations := grounds.annotations(index):
        message["annotations"] = annotations
    message["context"] = grounds.context(index)


def _index(choice: Mapping[str, Any], at: int) -> int:
    given = choice.get("index")
    return given if isinstance(given, int) else at


def _parsed(answer: Response) -> dict[str, Any] | None:
    try:
        document = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None
