"""The items of a response while they are being made, and the events that tell of it."""

from __future__ import annotations

from typing import Any, Literal

Event = dict[str, Any]
State = Literal["in_progress", "completed", "incomplete"]


class TextItem:
    """What the model said or thought: an item with one part of text."""

    def __init__(self, kind: Literal["message", "reasoning"], id: str, index: int) -> None:
        """`index` is its place among the items."""
        self._kind, self._id, self._index = kind, id, index
        self._text: list[str] = []
        self._annotations: list[dict[str, Any]] = []

    @property
    def is_message(self) -> bool:
        return self._kind == "message"

    @property
    def length(self) -> int:
        """Characters of its text until now."""
        return sum(map(len, self._text))

    def begun(self) -> list[Event]:
        return [
            {"type": "response.output_item.added", "output_index": self._index, "item": self._item([])},
            {"type": "response.content_part.added", **self._place, "part": self._part("")},
        ]

    def more(self, text: str) -> list[Event]:
        self._text.append(text)
        return [{"type": f"response.{self._name}.delta", **self._place, "delta": text, **self._probable}]

    def cites(self, annotations: list[dict[str, Any]]) -> list[Event]:
        """What its text cites, once all of that is there."""
        self._annotations = annotations
        return [
            {
                "type": "response.output_text.annotation.added",
                **self._place,
                "annotation_index": at,
                "annotation": annotation,
            }
            for at, annotation in enumerate(annotations)
        ]

    def ended(self, state: State) -> list[Event]:
        text = "".join(self._text)
        return [
            {"type": f"response.{self._name}.done", **self._place, "text": text, **self._probable},
            {"type": "response.content_part.done", **self._place, "part": self._part(text)},
            {
                "type": "response.output_item.done",
                "output_index": self._index,
                "item": self.as_json(state),
            },
        ]

    def as_json(self, state: State) -> dict[str, Any]:
        return self._item([self._part("".join(self._text))], state)

    @property
    def _name(self) -> str:
        return "output_text" if self._kind == "message" else "reasoning_text"

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": self._id, "output_index": self._index, "content_index": 0}

    @property
    def _probable(self) -> dict[str, Any]:
        return {"logprobs": []} if self._kind == "message" else {}

    def _part(self, text: str) -> dict[str, Any]:
        said = {"annotations": self._annotations, "logprobs": []}
        more: dict[str, Any] = said if self._kind == "message" else {}
        return {"type": self._name, "text": text, **more}

    def _item(self, content: list[dict[str, Any]], state: State = "in_progress") -> dict[str, Any]:
        own: dict[str, Any] = {"role": "assistant"} if self._kind == "message" else {"summary": []}
        return {"id": self._id, "type": self._kind, "status": state, **own, "content": content}


class CallItem:
    """A function that the model calls."""

    def __init__(self, id: str, call_id: str, name: str, index: int) -> None:
        self._id, self._call_id, self._name, self._index = id, call_id, name, index
        self._arguments: list[str] = []

    def begun(self) -> list[Event]:
        item = self.as_json("in_progress")
        return [{"type": "response.output_item.added", "output_index": self._index, "item": item}]

    def more(self, arguments: str) -> list[Event]:
        self._arguments.append(arguments)
        return [{"type": "response.function_call_arguments.delta", **self._place, "delta": arguments}]

    def ended(self, state: State) -> list[Event]:
        item = self.as_json(state)
        return [
            {
                "type": "response.function_call_arguments.done",
                **self._place,
                "name": self._name,
                "arguments": item["arguments"],
            },
            {"type": "response.output_item.done", "output_index": self._index, "item": item},
        ]

    def as_json(self, state: State) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "function_call",
            "status": state,
            "call_id": self._call_id,
            "name": self._name,
            "arguments": "".join(self._arguments),
        }

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": self._id, "output_index": self._index}
