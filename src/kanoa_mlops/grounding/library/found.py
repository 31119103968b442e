"""What a search came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.grounding.types import Passage


@dataclass(frozen=True)
class Found:
    """Of all stores that were asked. One that failed has no passages here, and its reason there."""

    passages: tuple[Passage, ...]
    """The best first."""
    failures: Mapping[str, KanoaError]
    """By the name the store was asked under; their messages are for whoever asked."""
    shareable: bool
    """Every store that was asked lets its passages leave the owner's machines."""
    stores: tuple[str, ...]
    """As they were asked for."""
    warnings: Mapping[str, str] = field(default_factory=dict)
    """Of stores that answered less well than they can, such as by words alone: why, in words."""
