"""How much the gateway takes, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    max_body_bytes: int
    """Largest request."""
    max_images: int = 8
    """In one request."""
    first_byte_seconds: float = 600.0
    """For the engine to begin its answer; a long prompt on a CPU takes minutes."""
    idle_seconds: float = 120.0
    """For the next piece, from the engine as well as to and from the client."""
