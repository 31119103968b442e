"""What is asked of a collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.local.asked import asked
from kanoa_mlops.grounding.local.weighing import shares
from kanoa_mlops.grounding.types import Ranking

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors


@dataclass(frozen=True)
class Question:
    text: str
    vector: Vectors | None
    k: int
    filters: Filter | None
    ranking: Ranking

    @cached_property
    def terms(self) -> Mapping[int, int]:
        """How often it says each, by the term's hash."""
        return asked(self.text)

    def shares(self, best: float) -> tuple[float, float]:
        """Of words and of meaning.

        Args:
            best: the highest score by words, between 0 and 1, among all that may be found.
        """
        return shares(self.ranking, self.text, best)
