"""Why the books say no, and when to ask again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Limit(StrEnum):
    """What was reached."""

    REQUESTS = "requests_per_minute"
    TOKENS = "tokens_per_minute"
    PARALLEL = "parallel"


@dataclass(frozen=True)
class Refusal:
    limit: Limit
    message: str
    """For the person who asked; a whole sentence."""
    retry_after_ms: int | None
    """Milliseconds after which, if nobody else asks, the answer is another, and not before. None where no
    time is known: it depends on the end of something, or never comes."""
