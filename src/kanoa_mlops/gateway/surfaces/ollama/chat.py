"""Ollama's chats and prompts as chat completion requests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.surfaces.given import unserved
from kanoa_mlops.gateway.surfaces.ollama.request import (
    Asked,
    ChatRequest,
    GenerateRequest,
    Message,
    Options,
    ToolCall,
    served_name,
)
from kanoa_mlops.gateway.surfaces.thinking import thinking

_AS_THEY_ARE = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "typical_p",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
)
_UNSERVED = {
    "suffix": "Text between two others is not made here.",
    "template": "A model's template is its own here; say what is to be said in 'system' and 'prompt'.",
    "context": "No tokens of earlier answers are kept here; send the conversation to /api/chat.",
    "raw": "Prompts without a template are taken at /v1/completions.",
    "width": "No images are made here.",
    "height": "No images are made here.",
    "steps": "No images are made here.",
}
# The first letters of each kind's first bytes in base64.
_KINDS = {"/9j/": "jpeg", "R0lGOD": "gif", "UklGR": "webp", "Qk": "bmp"}


def from_chat(asked: ChatRequest) -> dict[str, Any]:
    tools = {"tools": asked.tools} if asked.tools else {}
    return _request(asked, list(_messages(asked.messages or []))) | tools


def from_generate(asked: GenerateRequest) -> dict[str, Any]:
    """
    Raises:
        ApiError: 400, it asks for what only Ollama itself does.
    """
    for name, why in _UNSERVED.items():
        if getattr(asked, name):
            raise unserved(why, name)
    said = [Message(role="system", content=asked.system)] if asked.system else []
    said.append(Message(role="user", content=asked.prompt, images=asked.images))
    return _request(asked, list(_messages(said)))


def _request(asked: Asked, messages: list[dict[str, Any]]) -> dict[str, Any]:
    stream = asked.stream is not False
    streamed = {"stream": True, "stream_options": {"include_usage": True}} if stream else {"stream": False}
    logprobs = {"logprobs": True, "top_logprobs": asked.top_logprobs or 0} if asked.logprobs else {}
    return {
        **served_name(asked.model),
        "messages": messages,
        **streamed,
        **_format(asked.format),
        **_options(asked.options or Options()),
        **thinking(asked.think or (False if asked.think is False else None)),
        **logprobs,
    }


def _options(options: Options) -> dict[str, Any]:
    given = {name: value for name in _AS_THEY_ARE if (value := getattr(options, name)) is not None}
    if options.repeat_penalty is not None:
        given["repetition_penalty"] = options.repeat_penalty  # vLLM's word for it
    if options.num_predict is not None and options.num_predict >= 0:
        given["max_tokens"] = options.num_predict
    return given


def _format(wanted: str | Mapping[str, Any] | None) -> dict[str, Any]:
    if not wanted:
        return {}
    if wanted == "json":
        return {"response_format": {"type": "json_object"}}
    if isinstance(wanted, str):
        raise ApiError(
            400, "'format' must be \"json\" or a JSON schema.", code="invalid_value", param="format"
        )
    schema = {"name": "answer", "schema": wanted, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _messages(messages: Iterable[Message]) -> Iterator[dict[str, Any]]:
    ids = _CallIds()
    for message in messages:
        said: dict[str, Any] = {"role": message.role, "content": _content(message)}
        if message.thinking:
            said["reasoning_content"] = message.thinking
        if message.tool_calls:
            said["tool_calls"] = [_call(call, ids.of(call)) for call in message.tool_calls]
        if message.role == "tool":
            said["tool_call_id"] = ids.answered(message)
        yield said


class _CallIds:
    """Chat completions tie a tool's answer to its call by an id; older clients of Ollama by name or order."""

    def __init__(self) -> None:
        self._made = 0
        self._open: list[tuple[str, str]] = []

    def of(self, call: ToolCall) -> str:
        self._made += 1
        id = call.id or f"call_{self._made}"
        self._open.append((id, call.function.name))
        return id

    def answered(self, message: Message) -> str:
        named = [id for id, name in self._open if name == message.tool_name]
        ids = [*named, *(id for id, _ in self._open), "call_0"]
        answered = message.tool_call_id or ids[0]
        self._open = [each for each in self._open if each[0] != answered]
        return answered


def _call(call: ToolCall, id: str) -> dict[str, Any]:
    arguments = json.dumps(call.function.arguments or {})
    return {"id": id, "type": "function", "function": {"name": call.function.name, "arguments": arguments}}


def _content(message: Message) -> str | list[dict[str, Any]]:
    text = message.content or ""
    if not message.images:
        return text
    # Before the text, as Ollama has them.
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": _data_uri(each)}} for each in message.images
    ]
    return [*parts, {"type": "text", "text": text}] if text else parts


def _data_uri(image: str) -> str:
    if image.startswith("data:"):
        return image
    kind = next((kind for start, kind in _KINDS.items() if image.startswith(start)), "png")
    return f"data:image/{kind};base64,{image}"
