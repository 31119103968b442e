"""What Ollama's clients send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict

from kanoa_mlops.gateway.surfaces.given import Given


class Function(Given):
    name: str
    arguments: dict[str, Any] | None = None


class ToolCall(Given):
    id: str | None = None
    function: Function


class Message(Given):
    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    """In base64."""
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class Options(Given):
    """Those that shape an answer. Others are for loading a model, and that is planned here."""

    model_config = ConfigDict(strict=False)  # JavaScript's numbers are all floats

    num_predict: int | None = None
    """Below 0: as long as it gets."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    stop: list[str] | str | None = None


class _Asked(Given):
    model: str | None = None
    stream: bool | None = None
    """Ollama streams unless told not to."""
    format: str | dict[str, Any] | None = None
    options: Options | None = None
    think: bool | str | None = None
    keep_alive: int | float | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class ChatRequest(_Asked):
    messages: list[Message] | None = None
    tools: list[dict[str, Any]] | None = None


class GenerateRequest(_Asked):
    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None
    suffix: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None


class EmbedRequest(Given):
    model: str | None = None
    input: str | list[str] | None = None
    dimensions: int | None = None
    truncate: bool | None = None
    """Ollama cuts a text that is too long unless this is false."""


class EmbeddingsRequest(Given):
    """The older one, of a single text."""

    model: str | None = None
    prompt: str | None = None


class ShowRequest(Given):
    model: str | None = None
    name: str | None = None
    """What `model` was called before Ollama 0.5."""


Asked = ChatRequest | GenerateRequest


def served_name(model: str | None) -> Mapping[str, str]:
    """As a field of the gateway's own request. Ollama's clients add the tag that it takes for none."""
    return {"model": model.removesuffix(":latest")} if model else {}
