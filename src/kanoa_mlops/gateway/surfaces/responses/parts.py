"""The parts of an item's content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.surfaces.given import unserved

_TEXTS = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "reasoning_text": "text",
    "summary_text": "text",
    "refusal": "refusal",
}

Content = str | list[dict[str, Any]]


def content(given: Content, path: str) -> Content:
    """As a chat completion has it; a single text as a string, which every template takes.

    Raises:
        ApiError: 400 for a part that is not known or not taken here.
    """
    if isinstance(given, str):
        return given
    parts = [_part(part, f"{path}[{index}]") for index, part in enumerate(given)]
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return parts


def joined(given: Content, path: str) -> str:
    """All of it as text.

    Raises:
        ApiError: 400 for a part that is no text.
    """
    if isinstance(given, str):
        return given
    parts = [_part(part, f"{path}[{index}]") for index, part in enumerate(given)]
    for index, part in enumerate(parts):
        if part["type"] != "text":
            raise unserved("Only text is taken here.", f"{path}[{index}]")
    return "\n".join(part["text"] for part in parts)


def _part(part: Mapping[str, Any], path: str) -> dict[str, Any]:
    kind = part.get("type")
    if not isinstance(kind, str):
        raise ApiError(400, f"'{path}.type' must be a string.", code="invalid_value", param=f"{path}.type")
    if kind in _TEXTS:
        return {"type": "text", "text": _string(part, _TEXTS[kind], path)}
    if kind == "input_image":
        if part.get("file_id"):
            raise unserved("No files are kept here; send the image as a data: URL.", f"{path}.file_id")
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        url = _string(part, "image_url", path)
        return {"type": "image_url", "image_url": {"url": url, **detail}}
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": part.get("input_audio")}
    raise unserved(f"A part of type {kind!r} is not taken here.", f"{path}.type")


def _string(part: Mapping[str, Any], name: str, path: str) -> str:
    value = part.get(name)
    if isinstance(value, str):
        return value
    raise ApiError(400, f"'{path}.{name}' must be a string.", code="invalid_value", param=f"{path}.{name}")
