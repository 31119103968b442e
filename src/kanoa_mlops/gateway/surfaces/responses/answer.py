"""A chat completion as a response: the object, and the typed events of its making."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from kanoa_mlops.gateway.surfaces.chunk import CallPiece, Chunk, Counts, parse_answer
from kanoa_mlops.gateway.surfaces.responses.items import CallItem, Event, State, TextItem
from kanoa_mlops.gateway.surfaces.responses.searched import Searched, SearchItem

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Events:
    """The answer to one request, streamed or whole; the whole one is what the events come to."""

    content_type = "text/event-stream"

    def __init__(
        self, body: bytes, id: str, response: Callable[[], dict[str, Any]], searched: Searched
    ) -> None:
        """`id` makes its own and its items' ids; `response` gives the object's fixed fields."""
        self.body = body
        self._id, self._response, self._searched = id, response, searched
        self._sent = 0
        self._items: list[TextItem | CallItem | SearchItem] = []
        self._text: tuple[str, TextItem] | None = None
        self._calls: dict[int, CallItem] = {}
        self._closed: dict[int, State] = {}
        self._finish = ""
        self._counts: Counts | None = None
        self._over = False

    def chunk(self, chunk: Chunk) -> bytes:
        return b"" if self._over else self._told([*self._begun(), *self._heard(chunk)])

    def waiting(self, comment: bytes) -> bytes:
        return comment

    def done(self) -> bytes:
        if self._over:
            return b""
        events = [*self._begun(), *self._ended()]
        self._over = True
        status = "incomplete" if self._finish in _INCOMPLETE else "completed"
        return self._told([*events, {"type": f"response.{status}", "response": self._document(status)}])

    def failed(self, error: Mapping[str, Any]) -> bytes:
        if self._over:
            return b""
        self._over = True
        said = {"code": error.get("code"), "message": str(error.get("message") or error)}
        events: list[Event] = [
            *self._begun(),
            {"type": "error", **said, "param": error.get("param")},
            {"type": "response.failed", "response": self._document("failed") | {"error": said}},
        ]
        return self._told(events)

    def whole(self, answer: bytes) -> bytes:
        self._heard(parse_answer(answer))
        self._ended()
        status = "incomplete" if self._finish in _INCOMPLETE else "completed"
        return json.dumps(self._document(status)).encode()

    def _begun(self) -> list[Event]:
        if self._sent:
            return []
        begun = self._document("in_progress")
        return [{"type": f"response.{each}", "response": begun} for each in ("created", "in_progress")]

    def _heard(self, chunk: Chunk) -> list[Event]:
        self._finish = chunk.finish or self._finish
        self._counts = chunk.counts or self._counts
        return [
            *self._search(),
            *self._more("reasoning", chunk.reasoning),
            *self._more("message", chunk.text),
            *self._called(chunk.calls),
        ]

    def _search(self) -> list[Event]:
        grounds = self._searched.grounds
        if grounds is None or any(isinstance(item, SearchItem) for item in self._items):
            return []
        events = self._text_ended()
        results, index = self._searched.results, len(self._items)
        item = SearchItem(grounds, self._new_id("fs"), index, results=results)
        self._items.append(item)
        self._closed[index] = "completed"
        return [*events, *item.begun()]

    def _more(self, kind: Literal["reasoning", "message"], text: str) -> list[Event]:
        if not text:
            return []
        if self._text and self._text[0] == kind:
            return self._text[1].more(text)
        events = self._text_ended()
        item = TextItem(kind, self._new_id("rs" if kind == "reasoning" else "msg"), len(self._items))
        self._items.append(item)
        self._text = kind, item
        return [*events, *item.begun(), *item.more(text)]

    def _called(self, pieces: Iterable[CallPiece]) -> list[Event]:
        events: list[Event] = []
        for piece in pieces:
            call = self._calls.get(piece.index)
            if call is None:
                events += self._text_ended()
                id = self._new_id("fc")
                call = CallItem(id, piece.id or f"call_{id}", piece.name, len(self._items))
                self._calls[piece.index] = call
                self._items.append(call)
                events += call.begun()
            if piece.arguments:
                events += call.more(piece.arguments)
        return events

    def _text_ended(self, state: State = "completed") -> list[Event]:
        if self._text is None:
            return []
        item, self._text = self._text[1], None
        return self._close(item, state)

    def _ended(self) -> list[Event]:
        """Calls are open until the end, since engines may send their pieces in turns."""
        state: State = "incomplete" if self._finish in _INCOMPLETE else "completed"
        events = [*self._cited(), *self._text_ended(state)]
        for call in self._calls.values():
            events += self._close(call, state)
        return events

    def _cited(self) -> list[Event]:
        """Of the last text, where it is still open."""
        if self._text is None or self._text[0] != "message":
            return []
        last = self._text[1]
        texts = [each.length for each in self._items if isinstance(each, TextItem) and each.is_message]
        return last.cites(self._searched.annotations(sum(texts) - last.length))

    def _close(self, item: TextItem | CallItem, state: State) -> list[Event]:
        self._closed[self._items.index(item)] = state
        return item.ended(state)

    def _new_id(self, kind: str) -> str:
        return f"{kind}_{self._id}{len(self._items)}"

    def _document(self, status: str) -> dict[str, Any]:
        reason = _INCOMPLETE.get(self._finish) if status == "incomplete" else None
        return {
            "id": f"resp_{self._id}",
            "object": "response",
            "status": status,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "output": [
                item.as_json(self._closed.get(index, "in_progress")) for index, item in enumerate(self._items)
            ],
            "usage": _usage(self._counts) if self._counts else None,
            **self._response(),
            **(self._searched.told if status != "in_progress" else {}),
        }

    def _told(self, events: Iterable[Event]) -> bytes:
        told = b""
        for event in events:
            numbered = {**event, "sequence_number": self._sent}
            told += f"event: {event['type']}\ndata: {json.dumps(numbered)}\n\n".encode()
            self._sent += 1
        return told


def _usage(counts: Counts) -> dict[str, Any]:
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"cached_tokens": counts.cached},
        "output_tokens": counts.completion,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.prompt + counts.completion,
        **counts.more,
    }
