"""Why the books say no, and when to ask again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Limit(StrEnum):
    """What was reached."""

    REQUESTS = "requests_per_minute"
    TOKENS = "tokens_per_minute"
    PARALLEL = "parallel"
    KEY_DAY = "key_dollars_per_day"
    KEY_MONTH = "key_dollars_per_month"
    BACKEND_DAY = "backend_dollars_per_day"
    BACKEND_MONTH = "backend_dollars_per_month"
    ALL_DAY = "all_dollars_per_day"
    ALL_MONTH = "all_dollars_per_month"
    BOOKS = "books"
    """Nothing was reached; the database cannot be written, and nothing is spent that cannot be booked."""


@dataclass(frozen=True)
class Refusal:
    limit: Limit
    message: str
    """For the person who asked; a whole sentence."""
    retry_after_ms: int | None
    """Milliseconds after which, if nobody else asks, the answer is another, and not before. None where no
    time is known: it depends on the end of something, or never comes."""

    @property
    def retry_after(self) -> str | None:
        """The same in whole seconds, as HTTP's header has it; rounded up, as earlier would be too early."""
        return None if self.retry_after_ms is None else str(-(-self.retry_after_ms // 1000))
