"""A Responses request as a chat completion request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from kanoa_mlops.gateway.envelope import ApiError
from kanoa_mlops.gateway.surfaces.given import Given, read_part
from kanoa_mlops.gateway.surfaces.responses.messages import messages
from kanoa_mlops.gateway.surfaces.responses.request import ResponsesRequest
from kanoa_mlops.gateway.surfaces.responses.tools import tool_fields
from kanoa_mlops.gateway.surfaces.thinking import thinking

_AS_THEY_ARE = (
    "model",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "user",
)


class _Schema(Given):
    name: str
    schema_: dict[str, Any] = Field(alias="schema")  # which is a method of pydantic's
    strict: bool | None = None
    description: str | None = None


def from_responses(asked: ResponsesRequest) -> dict[str, Any]:
    """
    Raises:
        ApiError: 400, naming what is wrong or not served.
    """
    asked.check()
    streamed = {"stream": True, "stream_options": {"include_usage": True}} if asked.stream else {}
    tools = tool_fields(asked.tools or [], asked.tool_choice)
    if tools and asked.parallel_tool_calls is not None:
        tools["parallel_tool_calls"] = asked.parallel_tool_calls
    limit = {} if asked.max_output_tokens is None else {"max_tokens": asked.max_output_tokens}
    return {
        **{name: value for name in _AS_THEY_ARE if (value := getattr(asked, name)) is not None},
        "messages": messages(asked.instructions, asked.input),
        **streamed,
        **limit,
        **tools,
        **({} if asked.grounding is None else {"grounding": asked.grounding}),
        **_format(asked.text.format if asked.text else None),
        **thinking(asked.reasoning.effort if asked.reasoning else None),
    }


def _format(given: Mapping[str, Any] | None) -> dict[str, Any]:
    kind = given.get("type") if given else "text"
    if given is None or kind == "text":
        return {}
    if kind == "json_object":
        return {"response_format": {"type": "json_object"}}
    if kind == "json_schema":
        schema = read_part(_Schema, given, "text.format").model_dump(exclude_none=True, by_alias=True)
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    raise ApiError(
        400,
        "'text.format.type' must be text, json_object or json_schema.",
        code="invalid_value",
        param="text.format.type",
    )
