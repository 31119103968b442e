"""Whether and how much a model thinks first, in the words of all engines at once."""

from __future__ import annotations

from typing import Any

_NOT = "none"


def thinking(effort: bool | str | None) -> dict[str, Any]:
    """Fields of a chat completion request. None leaves it to the model.

    vLLM 0.32 takes `reasoning_effort`; llama.cpp hands its template what is in `chat_template_kwargs`.
    """
    if effort is None:
        return {}
    if effort is False or effort == _NOT:
        return {"chat_template_kwargs": {"enable_thinking": False}}
    if effort is True:
        return {"chat_template_kwargs": {"enable_thinking": True}}
    told = {"enable_thinking": True, "reasoning_effort": effort}
    return {"reasoning_effort": effort, "chat_template_kwargs": told}
