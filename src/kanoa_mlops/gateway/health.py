"""Whether anything here can answer, and what each model is doing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kanoa_mlops.gateway.backends import Backend, State

_BEST_FIRST: tuple[State, ...] = ("ready", "asleep", "loading", "unknown", "down")


def health(backends: Sequence[Backend], version: str) -> tuple[int, dict[str, Any]]:
    """The HTTP status, 200 as soon as one model takes requests and 503 before, and the body."""
    states = {backend.state for backend in backends}
    status = next((state for state in _BEST_FIRST if state in states), "down")
    models = {
        backend.model: {"state": backend.state, "reason": backend.reason, "engine": backend.engine}
        for backend in backends
    }
    body = {"status": status, "version": version, "models": models}
    return (200 if any(backend.takes_requests for backend in backends) else 503), body
