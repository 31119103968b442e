"""Tool calls, which Ollama gives whole and with their arguments as an object."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.surfaces.chunk import CallPiece


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class Calls:
    """Gathers them from their pieces."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}

    def add(self, pieces: Iterable[CallPiece]) -> None:
        for piece in pieces:
            call = self._calls.setdefault(piece.index, _Call())
            call.id = call.id or piece.id
            call.name = call.name or piece.name
            call.arguments += piece.arguments

    def whole(self, *, cut: bool) -> list[dict[str, Any]]:
        """Where the answer was cut for its length, the call it was cut in is no call.

        Raises:
            ApiError: 502, the model called with what is no JSON object.
        """
        found = []
        for index, call in enumerate(self._calls.values()):
            arguments = _arguments(call.arguments)
            if arguments is not None:
                function = {"index": index, "name": call.name, "arguments": arguments}
                found.append({"id": call.id, "function": function})
            elif not cut:
                raise ApiError(
                    502,
                    f"The model called {call.name!r} with arguments that are no JSON object. Ask again.",
                    code="bad_tool_call",
                    source="engine",
                )
        return found


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
