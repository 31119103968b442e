"""What to execute. Made from a plan by a pure function, one per engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kanoa_mlops.engines.container import Container


@dataclass(frozen=True)
class Launch:
    """An engine to start, and how to know that it is alive."""

    argv: tuple[str, ...]
    """The program and its arguments; with a container, inside it."""
    port: int
    """Loopback port the engine will answer on."""
    health_path: str
    """Answers 200 when the engine can take requests, 503 while it loads."""
    key_file: Path | None = None
    """Holds the bearer key; read by the engine, never in argv or environment. None where it takes no key."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the inherited environment; in a container, the whole of what is added to the image's."""
    container: Container | None = None
    """What the program runs in; None for a process of this machine."""
