"""The Responses route as a translator from a body."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from kanoa_mlops.gateway.exchange import Exchange
from kanoa_mlops.gateway.surfaces.given import read
from kanoa_mlops.gateway.surfaces.responses.answer import Events
from kanoa_mlops.gateway.surfaces.responses.chat import from_responses
from kanoa_mlops.gateway.surfaces.responses.request import ResponsesRequest
from kanoa_mlops.gateway.surfaces.responses.searched import Searched


def responses(raw: bytes, exchange: Exchange) -> Events:
    asked = read(ResponsesRequest, raw)
    body = json.dumps(from_responses(asked)).encode()
    document = partial(_document, _fixed(asked), exchange)
    return Events(body, exchange.own_id, document, Searched(exchange, results=asked.wants_results))


def _document(fixed: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    return {"created_at": int(exchange.at), **fixed, "model": fixed["model"] or exchange.model}


def _fixed(asked: ResponsesRequest) -> dict[str, Any]:
    """What a response says of its request: not its input, which may be large and is gone while it is made.

    'store' says what is true here.
    """
    return {
        "model": asked.model,
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "metadata": asked.metadata or {},
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": asked.reasoning.effort if asked.reasoning else None, "summary": None},
        "store": False,
        "background": False,
        "temperature": asked.temperature,
        "text": {"format": (asked.text.format if asked.text else None) or {"type": "text"}},
        "tool_choice": asked.tool_choice or "auto",
        "tools": asked.tools or [],
        "top_p": asked.top_p,
        "truncation": "disabled",
        "user": asked.user,
    }
