"""Whether a request is to stand on documents. Every one is asked this; nearly all are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TOOL = "file_search"


def is_wished(fields: Mapping[str, Any]) -> bool:
    if "grounding" in fields:
        return True
    tools = fields.get("tools")
    return isinstance(tools, list) and any(is_search(tool) for tool in tools)


def is_search(tool: object) -> bool:
    return isinstance(tool, dict) and tool.get("type") == _TOOL
