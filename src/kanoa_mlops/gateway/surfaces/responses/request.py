"""What clients of the Responses API send."""

from __future__ import annotations

from typing import Any

from kanoa_mlops.gateway.surfaces.given import Given, unserved


class Text(Given):
    format: dict[str, Any] | None = None


class Reasoning(Given):
    effort: str | None = None


class ResponsesRequest(Given):
    input: str | list[dict[str, Any]]
    model: str | None = None
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: Text | None = None
    reasoning: Reasoning | None = None
    metadata: dict[str, Any] | None = None
    user: str | None = None
    include: list[str] | None = None
    grounding: dict[str, Any] | None = None
    """The gateway's own: how documents are searched, as in a chat completion."""
    # Refused:
    previous_response_id: str | None = None
    conversation: Any = None
    prompt: Any = None
    background: bool | None = None
    top_logprobs: int | None = None

    @property
    def wants_results(self) -> bool:
        """Of searches: the passages, beside what was searched for."""
        return _RESULTS in (self.include or [])

    def check(self) -> None:
        """
        Raises:
            ApiError: 400, it asks for what is not served here.
        """
        for name, why in _UNSERVED.items():
            if getattr(self, name):
                raise unserved(why, name)
        for index, each in enumerate(self.include or []):
            if each not in _INCLUDED:
                raise unserved(f"{each!r} is not known here.", f"include[{index}]")


_KEPT = "Nothing is kept between two requests here"
_UNSERVED = {
    "previous_response_id": f"{_KEPT}; send the whole conversation as 'input'.",
    "conversation": f"{_KEPT}; send the whole conversation as 'input'.",
    "prompt": f"{_KEPT}; send the prompt itself as 'instructions' and 'input'.",
    "background": f"{_KEPT}; leave out 'background' and wait for the answer, or stream it.",
    "top_logprobs": "Probabilities of tokens are given by /v1/chat/completions only.",
}
# Clients that keep the conversation themselves ask for it; reasoning is given as it is, not encrypted.
_RESULTS = "file_search_call.results"
_INCLUDED = ("reasoning.encrypted_content", _RESULTS)
