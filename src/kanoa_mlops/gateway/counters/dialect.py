"""Where each engine tells how it is and what it counted, and in which form."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from kanoa_mlops.gateway.counters.counters import EngineCounters, Unreadable
from kanoa_mlops.gateway.counters.exposition import read_exposition
from kanoa_mlops.gateway.counters.loaded import read_loaded
from kanoa_mlops.gateway.counters.names import GATEWAY, LLAMA_CPP, VLLM

_VERSION = re.compile(r"[ :@]|[-_/](?=[bv]?\d)")
"""Where one begins: engines' own are 'b11549' and '0.32.0', and people write 'v0.32.0'."""


@dataclass(frozen=True)
class Dialect:
    health: str
    """What answers 200 whatever else the engine does, by GET."""
    path: str
    """What tells its counters, likewise."""
    read: Callable[[str, str], EngineCounters | Unreadable]
    """From the text of the answer, and the engine's own name of the model."""
    names: str = ""
    """Where, before another name of the model, it tells its own as `id`; for one that has aliases."""
    counts_streams: bool = False
    """Tells the tokens of a stream without being asked for them, as `timings`."""


_DIALECTS = {
    "vllm": Dialect("/health", "/metrics", lambda text, model: read_exposition(text, VLLM)),
    # Open only with its flag `--metrics`, and behind its key.
    "llama.cpp": Dialect(
        "/health", "/metrics", lambda text, model: read_exposition(text, LLAMA_CPP), counts_streams=True
    ),
    "kanoa-mlops": Dialect(
        "/health",
        "/metrics",
        lambda text, model: read_exposition(text, GATEWAY, model),
        names="/v1/models/",
    ),
    "ollama": Dialect("/api/version", "/api/ps", read_loaded),
}
ENGINES = tuple(_DIALECTS)
"""Whose counters are understood."""


def engine_name(engine: str) -> str:
    """Of 'llama.cpp b11549', 'vllm-0.32' or 'vLLM' that which has no version and no capitals."""
    return _VERSION.split(engine, maxsplit=1)[0].lower()


def dialect_of(engine: str) -> Dialect | None:
    """None for an engine of which none is known.

    Args:
        engine: its name, with its version where known.
    """
    return _DIALECTS.get(engine_name(engine))
