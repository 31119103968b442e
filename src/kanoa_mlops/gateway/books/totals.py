"""What was used, added up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Dimension(StrEnum):
    """By what it is added up."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"
    TIER = "tier"
    BACKEND = "backend"


@dataclass(frozen=True)
class Total:
    group: tuple[str, ...]
    """One value for each dimension that was asked for; a key is its id."""
    requests: int
    failed: int
    """Of those: answered with a status of 400 or more."""
    prompt_tokens: int
    completion_tokens: int
    estimated: int
    """Requests whose tokens are our guess."""
    micro: int
    """Cost in micro-dollars."""
