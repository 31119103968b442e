"""What an engine counts, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineCounters:
    """At one time. None where the engine does not tell; totals are since it began, and begin anew with it."""

    running: float | None = None
    """Requests it works on."""
    waiting: float | None = None
    """Requests in its own queue."""
    kv_cache_usage: float | None = None
    """Share of the key-value cache that is taken, from 0 to 1."""
    prompt_tokens_total: float | None = None
    """Tokens of prompts read. vLLM and llama.cpp add a prompt when all of it is read."""
    generation_tokens_total: float | None = None
    """Tokens of answers made. vLLM adds each, llama.cpp a whole answer at its end."""
    requests_done_total: float | None = None
    """Requests that came to an end, however."""
    steps_total: float | None = None
    """Passes through the model. llama.cpp counts each, also those that read a piece of a prompt."""


@dataclass(frozen=True)
class Unreadable:
    """What was told is not what such an engine tells."""

    reason: str
    """In words."""
