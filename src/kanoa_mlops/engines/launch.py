"""What to execute. Made from a plan by a pure function, one per engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Launch:
    """A process to start, and how to know that it is alive."""

    argv: tuple[str, ...]
    port: int
    """Loopback port the engine will listen on."""
    health_path: str
    """Answers 200 when the engine can take requests, 503 while it loads."""
    key_file: Path
    """Holds the bearer key; read by the engine, never in argv or environment."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the inherited environment."""
