"""How large the pieces are that a document is cut into."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.errors import UserError

LEAST, MOST = 16, 4096


@dataclass(frozen=True)
class Chunking:
    """OpenAI's `chunking_strategy`, static. Tokens are estimated, see `tokens`."""

    max_tokens: int = 300
    overlap_tokens: int = 0
    """Of the end of a chunk that the next one begins with."""

    def __post_init__(self) -> None:
        """
        Raises:
            UserError: what no strategy can be.
        """
        if not LEAST <= self.max_tokens <= MOST:
            raise UserError(f"A chunk may have {LEAST} to {MOST} tokens, not {self.max_tokens}.")
        if not 0 <= self.overlap_tokens <= self.max_tokens // 2:
            raise UserError(
                f"Chunks of {self.max_tokens} tokens may share 0 to {self.max_tokens // 2}, "
                f"not {self.overlap_tokens}."
            )

    @property
    def min_tokens(self) -> int:
        """From here on a chunk may end where it is good to end."""
        return self.max_tokens * 2 // 3

    def __str__(self) -> str:
        return f"{self.max_tokens}+{self.overlap_tokens}"
