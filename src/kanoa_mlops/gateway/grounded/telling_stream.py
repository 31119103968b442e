"""A stream of a chat completion with what it cites, told in one chunk before each choice ends.

What the model says goes on as it comes. Marks that are cut across chunks are found, as they are looked for in
the whole text of a choice once that is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from kanoa_mlops.gateway.events import DONE, data_of
from kanoa_mlops.gateway.grounded.calls import Calls
from kanoa_mlops.gateway.grounded.grounds import Grounds
from kanoa_mlops.gateway.http.response import Stream

_EVENTS = re.compile(rb"(?<=\n\n)|(?<=\n\r\n)")
_SHARED = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
[_END] = data_of(DONE)


class GroundedStream(Stream):
    """Takes a chat completion's events. Over several rounds it is the same stream."""

    def __init__(self, under: Stream, grounds: Grounds, calls: Calls, *, listed: bool) -> None:
        """
        Args:
            calls: takes the model's calls for a search.
            listed: the sources stand under the text too.
        """
        self._under, self._grounds, self._calls, self._listed = under, grounds, calls, listed
        self._texts: dict[int, list[str]] = {}
        self._told: set[int] = set()
        self._shared: dict[str, Any] = {}

    async def write(self, piece: bytes) -> None:
        # Whole events come, sometimes several; most need no change and go on as they are.
        if told := b"".join(out for event in _EVENTS.split(piece) if event for out in self._one(event)):
            await self._under.write(told)

    async def finish(self) -> None:
        if not self._calls.again:
            await self._under.finish()

    def _one(self, event: bytes) -> Iterator[bytes]:
        data = b"\n".join(data_of(event))
        if not data:
            yield event
        elif data == _END:
            if not self._calls.again:
                yield from self._rest()
                yield event
        else:
            yield from self._chunk(event, data)

    def _chunk(self, event: bytes, data: bytes) -> Iterator[bytes]:
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            yield event
            return
        if not isinstance(chunk, dict) or not isinstance(chunk.get("choices"), list):
            yield event
            return
        if not self._shared:
            self._shared = {name: chunk[name] for name in _SHARED if name in chunk}
        changed = self._calls.taken(chunk)
        if changed is None:
            return  # nothing in it is for the client
        event = event if changed is chunk else _event(changed)
        ended = []
        for at, choice in enumerate(changed["choices"]):
            if isinstance(choice, dict):
                index = _index(choice, at)
                self._texts.setdefault(index, []).append(_text(choice))
                if choice.get("finish_reason") and index not in self._told:
                    ended.append(index)
        if not ended:
            yield event
            return
        if said := _said(changed):
            yield _event(said)
        for index in ended:
            yield from self._tell(index)
        yield _event(_end(changed) if said else changed)

    def _rest(self) -> Iterator[bytes]:
        """Of an engine that never says why a choice ended."""
        for index in self._texts:
            if index not in self._told:
                yield from self._tell(index)

    def _tell(self, index: int) -> Iterator[bytes]:
        self._told.add(index)
        text = "".join(self._texts.get(index, ()))
        self._grounds.report(index, text)
        if self._listed and text and (sources := self._grounds.sources(index)):
            yield _event(self._own(index, {"content": sources}))
        delta: dict[str, Any] = {"context": self._grounds.context(index)}
        if annotations := self._grounds.annotations(index):
            delta["annotations"] = annotations
        yield _event(self._own(index, delta) | {"grounding": self._grounds.told()})

    def _own(self, index: int, delta: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._shared, "choices": [{"index": index, "delta": delta, "finish_reason": None}]}


def _said(chunk: Mapping[str, Any]) -> dict[str, Any] | None:
    """The chunk as it would be if it only said something; None where it only ends."""
    choices = [choice for choice in chunk["choices"] if isinstance(choice, dict)]
    if not any(_text(choice) or (choice.get("delta") or {}).get("tool_calls") for choice in choices):
        return None
    said = {name: value for name, value in chunk.items() if name != "usage"}
    return {**said, "choices": [{**choice, "finish_reason": None} for choice in choices]}


def _end(chunk: Mapping[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in chunk["choices"] if isinstance(choice, dict)]
    ended = [{**choice, "delta": {}} for choice in choices if choice.get("finish_reason")]
    return {**chunk, "choices": [{k: v for k, v in choice.items() if k != "logprobs"} for choice in ended]}


def _text(choice: Mapping[str, Any]) -> str:
    delta = choice.get("delta")
    content = delta.get("content") if isinstance(delta, dict) else None
    return content if isinstance(content, str) else ""


def _index(choice: Mapping[str, Any], at: int) -> int:
    given = choice.get("index")
    return given if isinstance(given, int) else at


def _event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"
