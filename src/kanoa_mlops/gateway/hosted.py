"""A request as it leaves for a provider: in words that all of them take, and so that they count its tokens.

Engines of our own know more fields than OpenAI has; strict providers refuse what they do not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest
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
_BLANK_LINE = re.compile(rb"(\n\r?\n)")
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


def outgoing(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent. Who a stream is for may not care for its tokens; whoever pays for it does."""
    kept = {name: value for name, value in fields.items() if name in _TAKEN and value is not None}
    if kept.get("stream") is True:
        kept["stream_options"] = {**(kept.get("stream_options") or {}), "include_usage": True}
    return kept


def without_count(events: bytes) -> bytes:
    """What is passed on of a stream whose client did not ask for its tokens."""
    if b'"usage"' not in events:
        return events
    parts = _BLANK_LINE.split(events)
    pairs = zip_longest(parts[::2], parts[1::2], fillvalue=b"")
    return b"".join(event + end for event, end in pairs if not _counts(event))


def _counts(event: bytes) -> bool:
    return b'"usage"' in event and _NO_CHOICES.search(event) is not None
