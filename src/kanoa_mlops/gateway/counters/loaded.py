"""Read what Ollama has loaded; it has no counters."""

from __future__ import annotations

import json

from kanoa_mlops.gateway.counters.counters import EngineCounters, Unreadable


def read_loaded(text: str, model: str) -> EngineCounters | Unreadable:
    """Ollama's `/api/ps`: https://docs.ollama.com/api/ps, read 2026-11-28.

    A model that is not loaded runs nothing; of one that is loaded nobody tells what it does.
    """
    try:
        document = json.loads(text)
        names = [entry["model"] for entry in document["models"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Unreadable("it is not a list of loaded models")
    return EngineCounters() if _tagged(model) in map(_tagged, names) else EngineCounters(running=0.0)


def _tagged(name: object) -> str:
    """Ollama adds a tag where none is given."""
    return f"{name}" if ":" in f"{name}" else f"{name}:latest"
