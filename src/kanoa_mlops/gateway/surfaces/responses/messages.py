"""The items of a Responses input as the messages of a chat completion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.surfaces.given import Given, read_part, unserved
from kanoa_mlops.gateway.surfaces.responses.parts import content, joined

_SYSTEM = ("system", "developer")  # most models' templates know the first alone


class Message(Given):
    role: str
    content: str | list[dict[str, Any]]


class FunctionCall(Given):
    call_id: str
    name: str
    arguments: str = ""


class FunctionCallOutput(Given):
    call_id: str
    output: str | list[dict[str, Any]]


class Reasoned(Given):
    content: list[dict[str, Any]] | None = None
    summary: list[dict[str, Any]] | None = None


def messages(instructions: str | None, given: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Raises:
        ApiError: 400, naming the item.
    """
    conversation = _Conversation()
    if instructions:
        conversation.say({"role": "system", "content": instructions})
    if isinstance(given, str):
        conversation.say({"role": "user", "content": given})
    else:
        _say_all(conversation, given)
    if not conversation.messages:
        raise ApiError(
            400, "'input' is empty; there is nothing to answer.", code="invalid_value", param="input"
        )
    return conversation.messages


class _Conversation:
    """What an assistant thought, said and called in one turn are several items there, one message here."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._reasoning = ""

    def say(self, message: dict[str, Any]) -> None:
        last = self.messages[-1] if self.messages else {}
        if message["role"] == "system" == last.get("role"):  # many templates take only one
            last["content"] += "\n\n" + message["content"]
            return
        if message["role"] == "assistant":
            message |= self._thought()
        self.messages.append(message)

    def think(self, text: str) -> None:
        self._reasoning += text

    def call(self, call: FunctionCall) -> None:
        if not self.messages or self.messages[-1]["role"] != "assistant" or self._reasoning:
            self.say({"role": "assistant", "content": ""})
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        made = {"id": call.call_id, "type": "function", "function": function}
        self.messages[-1].setdefault("tool_calls", []).append(made)

    def _thought(self) -> dict[str, str]:
        text, self._reasoning = self._reasoning, ""
        return {"reasoning_content": text} if text else {}


def _say_all(conversation: _Conversation, items: Iterable[Mapping[str, Any]]) -> None:
    for index, item in enumerate(items):
        path = f"input[{index}]"
        kind = item.get("type") or ("message" if "role" in item else None)
        if kind == "message":
            _say(conversation, read_part(Message, item, path), path)
        elif kind == "function_call":
            conversation.call(read_part(FunctionCall, item, path))
        elif kind == "function_call_output":
            output = read_part(FunctionCallOutput, item, path)
            said = content(output.output, f"{path}.output")
            conversation.say({"role": "tool", "tool_call_id": output.call_id, "content": said})
        elif kind == "reasoning":
            thought = read_part(Reasoned, item, path)
            conversation.think(joined(thought.content or thought.summary or [], path))
        elif kind == "item_reference":
            raise unserved("Nothing is kept between two requests here; send the item itself.", path)
        else:
            raise unserved(f"An item of type {kind!r} is not taken here.", f"{path}.type")


def _say(conversation: _Conversation, message: Message, path: str) -> None:
    path = f"{path}.content"
    if message.role in _SYSTEM:
        conversation.say({"role": "system", "content": joined(message.content, path)})
    elif message.role == "assistant":
        conversation.say({"role": "assistant", "content": joined(message.content, path)})
    else:
        conversation.say({"role": message.role, "content": content(message.content, path)})
