"""A request as it leaves for a provider: in words that all of them take.

Engines of our own know more fields than OpenAI has; strict providers refuse what they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# OpenAI's, of chat completions, completions and embeddings, without those that keep something there (`store`,
# `metadata`): https://platform.openai.com/docs/api-reference, as in openai 2.x's own types.
_TAKEN = frozenset(
    {
        "best_of",
        "dimensions",
        "echo",
        "encoding_format",
        "frequency_penalty",
        "input",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "prompt",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "suffix",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
    }
    | {"documents", "query", "top_n"}  # of those who rerank
)


def outgoing(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent: nothing that strict ones do not know, nor what says nothing."""
    return {name: value for name, value in fields.items() if name in _TAKEN and value is not None}
