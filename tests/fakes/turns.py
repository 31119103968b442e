"""Answers that are more than words, piece by piece as engines stream them, and whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Turn:
    deltas: tuple[dict[str, Any], ...]
    message: dict[str, Any]
    """The same, whole."""
    finish: str


def _call(arguments: str, **more: Any) -> dict[str, Any]:
    return {"function": {"arguments": arguments, **more}}


def _calling(*pieces: str, finish: str = "tool_calls") -> Turn:
    first = {"index": 0, "id": "c_1", "type": "function", **_call("", name="add")}
    later = [{"index": 0, **_call(piece)} for piece in pieces]
    whole = {"id": "c_1", "type": "function", **_call("".join(pieces), name="add")}
    deltas = tuple({"tool_calls": [each]} for each in (first, *later))
    return Turn(deltas, {"content": None, "tool_calls": [whole]}, finish)


TURNS = {
    "call a tool": _calling('{"a": 1', ', "b": 2}'),
    "call badly": _calling('{"a": '),
    "call until cut": _calling('{"a": ', finish="length"),
    "call two": Turn(
        (
            {"tool_calls": [{"index": 0, "id": "c_1", **_call('{"a": 1}', name="add")}]},
            {"tool_calls": [{"index": 1, "id": "c_2", **_call("{}", name="now")}]},
        ),
        {
            "content": "",
            "tool_calls": [
                {"id": "c_1", **_call('{"a": 1}', name="add")},
                {"id": "c_2", **_call("{}", name="now")},
            ],
        },
        "tool_calls",
    ),
    "think first": Turn(
        (
            {"reasoning_content": "Let me"},
            {"reasoning_content": " see."},
            {"content": "They"},
            {"content": " rise."},
        ),
        {"reasoning_content": "Let me see.", "content": "They rise."},
        "stop",
    ),
    "say json": Turn(
        ({"content": '{"rises": '}, {"content": "true}"}), {"content": '{"rises": true}'}, "stop"
    ),
    "talk too long": Turn(({"content": "And"}, {"content": " so"}), {"content": "And so"}, "length"),
    "half a letter": Turn(({"content": "\ud83d"},), {"content": "\ud83d"}, "stop"),
}
