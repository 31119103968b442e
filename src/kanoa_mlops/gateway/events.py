"""Server-sent events as bytes: only whole ones are passed on, so that a cut never leaves half of one."""

from __future__ import annotations

import json
from typing import Any

DONE = b"data: [DONE]\n\n"


class TooLong(Exception):
    """So much came, and no end of an event."""


class EventSplitter:
    """Collects what comes and gives back whole events."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: bytes that one may have.
        """
        self.most = most
        self._rest = bytearray()

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return bytes(self._rest)

    def feed(self, chunk: bytes) -> bytes:
        """All events that are whole now, one after another as they came; often none.

        Raises:
            TooLong: what came after the last one is more than an event may be.
        """
        if not self._rest and chunk.endswith(b"\n\n"):
            return chunk
        # A blank line may straddle two chunks, so the last three bytes are looked at again.
        start = max(0, len(self._rest) - 3)
        self._rest += chunk
        end = max(_after(self._rest, b"\n\n", start), _after(self._rest, b"\n\r\n", start))
        events = bytes(self._rest[:end])
        del self._rest[:end]
        if len(self._rest) > self.most:
            raise TooLong
        return events


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def data_of(events: bytes) -> list[bytes]:
    """The data of each event, without comments and other fields; several lines of one event are joined."""
    blocks = events.replace(b"\r\n", b"\n").split(b"\n\n")
    found = (
        b"\n".join(_value(line) for line in block.split(b"\n") if line[:5] == b"data:") for block in blocks
    )
    return [data for data in found if data]


def as_events(answer: bytes, *, wants_usage: bool) -> bytes | None:
    """A whole answer in JSON as the stream that was asked for; None when it is no such answer."""
    try:
        value = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
        return None
    usage = value.pop("usage", None)
    chunk = {**value, "object": _CHUNK.get(value.get("object", ""), "chat.completion.chunk")}
    events = event({**chunk, "choices": [_delta(choice) for choice in value["choices"]]})
    if wants_usage and usage:
        events += event({**chunk, "choices": [], "usage": usage})
    return events + DONE


_CHUNK = {"text_completion": "text_completion"}


def _after(data: bytearray, end: bytes, start: int) -> int:
    found = data.rfind(end, start)
    return found + len(end) if found >= 0 else 0


def _value(line: bytes) -> bytes:
    return line[5:].removeprefix(b" ")


def _delta(choice: dict[str, Any]) -> dict[str, Any]:
    if "message" not in choice:
        return choice
    delta = dict(choice["message"])
    if calls := delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(calls)]
    return {**{key: value for key, value in choice.items() if key != "message"}, "delta": delta}
