"""How long to wait, and how often to try."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How long a source is waited for."""

    connect_seconds: float = 10
    """All addresses of a host together."""
    stall_seconds: float = 30
    """Without a single byte."""
    tries: int = 4
    """In a row without a byte more than before."""
    pause_seconds: float = 1
    """Before the second try; doubled for each further one."""
