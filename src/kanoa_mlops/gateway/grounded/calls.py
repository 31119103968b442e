"""The model's own calls for a search: made a function for it, and taken out of what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kanoa_mlops.gateway.usage import Usage, usage_of

_NAME = "search_documents"


@dataclass
class Call:
    id: str
    arguments: str

    @property
    def query(self) -> str:
        """'' where the model wrote none, or no JSON."""
        try:
            given = json.loads(self.arguments or "{}")
        except (ValueError, RecursionError):
            return ""
        query = given.get("query") if isinstance(given, dict) else None
        return " ".join(query.split()) if isinstance(query, str) else ""


@dataclass
class Calls:
    """Of one round. Takes no call as long as it is not listening."""

    name: str = ""
    """Of the function; '' where none was given to the model."""
    made: list[Call] = field(default_factory=list)
    usage: Usage | None = None
    others: bool = False
    """Functions of the client were called too: it has to answer those, and the round is the last."""
    first: bool = True
    """No round before has sent the beginning of a message."""
    _ours: dict[int, Call] = field(default_factory=dict)

    def begin(self, name: str, *, first: bool) -> None:
        self.name, self.made, self.usage, self.others, self.first = name, [], None, False, first
        self._ours = {}

    @property
    def again(self) -> bool:
        """The model is to be asked once more, with what was found."""
        return bool(self.made) and not self.others

    def whole(self, answer: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer without them; None where it is nothing else, and the round is not the last."""
        if not self.name:
            return dict(answer)
        choices = [choice for choice in answer.get("choices") or [] if isinstance(choice, dict)]
        message = (choices[0].get("message") or {}) if choices else {}
        calls = [call for call in message.get("tool_calls") or [] if isinstance(call, dict)]
        ours = [call for call in calls if _named(call) == self.name]
        if not ours:
            return dict(answer)
        self.usage = usage_of(answer.get("usage"))
        rest = [call for call in calls if _named(call) != self.name]
        if rest:
            self.others = True
            message = {**message, "tool_calls": rest}
            return {**answer, "choices": [{**choices[0], "message": message}, *choices[1:]]}
        for at, call in enumerate(ours):
            self.made.append(Call(str(call.get("id") or f"call_{at}"), _arguments(call)))
        return None

    def taken(self, chunk: dict[str, Any]) -> dict[str, Any] | None:
        """A chunk of a stream without them; the same one where there are none, None where nothing is left."""
        if not self.name:
            return chunk if self.first else _without_role(chunk)
        if self.made and (counted := usage_of(chunk.get("usage"))):
            self.usage = counted
        choices = [self._choice(choice) for choice in chunk["choices"] if isinstance(choice, dict)]
        if self.again:
            choices = [choice for choice in choices if _says(choice)]
            choices = [{**choice, "finish_reason": None} for choice in choices]
            return {**chunk, "choices": choices} if choices else None
        if not self.first:
            return _without_role({**chunk, "choices": choices})
        return chunk if choices == chunk["choices"] else {**chunk, "choices": choices}

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        delta = choice.get("delta")
        pieces = delta.get("tool_calls") if isinstance(delta, dict) else None
        if not isinstance(delta, dict) or not isinstance(pieces, list):
            return choice
        rest = [piece for at, piece in enumerate(pieces) if not self._take(piece, at)]
        self.others = self.others or bool(rest)
        kept = {name: value for name, value in delta.items() if name != "tool_calls"}
        return {**choice, "delta": kept | ({"tool_calls": rest} if rest else {})}

    def _take(self, piece: Any, at: int) -> bool:
        if not isinstance(piece, dict):
            return False
        index = piece.get("index")
        index = index if isinstance(index, int) else at
        if index not in self._ours:
            if _named(piece) != self.name:
                return False
            call = Call(str(piece.get("id") or f"call_{index}"), "")
            self._ours[index] = call
            self.made.append(call)
        self._ours[index].arguments += _arguments(piece)
        return True


def function(name: str, stores: Sequence[str]) -> dict[str, Any]:
    """The tool by which a model searches."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Search the user's own documents ({', '.join(stores)}) for passages. "
            "Use it whenever an answer may be in them.",
            "parameters": {
                "type": "object",
                "properties": {
                    "query": {"type": "string", "description": "Words that stand in the wanted passage."}
                },
                "required": ["query"],
            },
        },
    }


def free_name(tools: Sequence[Any]) -> str:
    """One that no function of the client's has."""
    taken = {_named(tool) for tool in tools if isinstance(tool, dict)}
    name, number = _NAME, 1
    while name in taken:
        number += 1
        name = f"{_NAME}_{number}"
    return name


def _named(tool: Mapping[str, Any]) -> str:
    function = tool.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""


def _arguments(call: Mapping[str, Any]) -> str:
    function = call.get("function")
    given = function.get("arguments") if isinstance(function, dict) else None
    return json.dumps(given) if isinstance(given, dict) else given if isinstance(given, str) else ""


def _says(choice: Mapping[str, Any]) -> bool:
    delta = choice.get("delta")
    return isinstance(delta, dict) and any(
        delta.get(name) for name in ("content", "reasoning_content", "reasoning")
    )


def _without_role(chunk: dict[str, Any]) -> dict[str, Any]:
    """The message has begun in an earlier round; clients join what they get of a role."""
    choices = []
    for choice in chunk["choices"]:
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict) and "role" in delta:
            kept = {name: value for name, value in delta.items() if name != "role"}
            choice = {**choice, "delta": kept}
        choices.append(choice)
    return {**chunk, "choices": choices}
