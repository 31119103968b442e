"""What is asked of a collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kanoa_mlops.grounding.filters import Filter
from kanoa_mlops.grounding.types import Ranking

if TYPE_CHECKING:
    from kanoa_mlops.grounding.types import Vectors


@dataclass(frozen=True)
class Question:
    terms: Mapping[int, int]
    """How often it says each, by the term's hash."""
    vector: Vectors | None
    k: int
    filters: Filter | None
    ranking: Ranking
