"""How many passages fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kanoa_mlops.grounding.asking.fence import Fence
from kanoa_mlops.grounding.types import Passage

_BYTES_A_TOKEN = 3
"""English prose has 4 to 5, tables of numbers 2 to 3 (counted with llama.cpp's tokenizers, see gateway)."""


@dataclass(frozen=True)
class Fitted:
    passages: tuple[Passage, ...]
    dropped: int
    """From the end."""
    tokens: int
    """Estimated, of those that are left with their fence."""


def fit(passages: Sequence[Passage], fence: Fence, tokens: int) -> Fitted:
    """The first that fit into so many tokens, each whole."""
    used = estimate(fence.opening) + estimate(fence.closing)
    kept = 0
    for number, passage in enumerate(passages, 1):
        more = estimate(fence.passage(number, passage)) + 2
        if used + more > tokens:
            break
        used += more
        kept = number
    return Fitted(tuple(passages[:kept]), len(passages) - kept, used if kept else 0)


def estimate(text: str) -> int:
    """Tokens of a text, rather too many than too few."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_A_TOKEN)
