"""A request, as far as it matters for where it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Burst = Literal["never", "allow", "require"]
"""What the request says of capacity beyond the owner's own machines."""


@dataclass(frozen=True)
class Ask:
    id: str
    model: str
    """As the client wrote it: a served name or an alias."""
    key: str
    """Who asks: the key's id, which is no secret; '' where no keys are in use."""
    prompt_tokens: int
    """Estimated, images included."""
    arrived: float
    deadline: float
    """When it is refused if it still waits."""
    max_answer_tokens: int | None = None
    """The longest answer it asks for; None where it sets no limit."""
    answers: int = 1
    """To the one prompt."""
    images: bool = False
    tools: bool = False
    structured: bool = False
    """Wants an answer that follows a schema."""
    burst: Burst = "allow"
    kept_here: str = ""
    """Why it may not leave the owner's machines whatever it says; '' where nothing in it forbids it."""
    prompt_least: int | None = None
    """It has no fewer tokens; None where the estimate is the count."""
    prompt_most: int | None = None
    """It has no more; likewise."""
    prefix: bytes = b""
    """Hash of what its prompt shares with others (system text, first image); b'' where there is nothing."""

    @property
    def fewest(self) -> int:
        """Prompt tokens that it has for certain: more than a context holds are refused."""
        return self.prompt_tokens if self.prompt_least is None else self.prompt_least

    @property
    def most(self) -> int:
        """Prompt tokens that it can have at most, and that may have to be paid for."""
        return self.prompt_tokens if self.prompt_most is None else self.prompt_most
