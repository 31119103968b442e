"""One request, as its client saw it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """Times are seconds of one clock."""

    began: float
    ended: float
    first: float | None = None
    """When the first token came."""
    last: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    """As the engine counted them."""
    error: str = ""
    """Why there is no answer; what came before it broke is not counted."""

    @property
    def first_token_seconds(self) -> float | None:
        return None if self.first is None else self.first - self.began

    @property
    def tokens_per_second(self) -> float | None:
        """From the first token to the last; None where there are not two of them."""
        if self.first is None or self.last is None or self.last <= self.first or self.output_tokens < 2:
            return None
        return (self.output_tokens - 1) / (self.last - self.first)
