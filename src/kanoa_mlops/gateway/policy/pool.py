"""What stands behind one served name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kanoa_mlops.gateway.policy.backend import BackendView


@dataclass(frozen=True)
class Pool:
    model: str
    """The served name."""
    backends: tuple[BackendView, ...]
    """In the owner's order; tiers and prices come before it."""
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return (self.model, *self.aliases)

    def answers_to(self, name: str) -> bool:
        """In any case of letters."""
        return name.lower() in (each.lower() for each in self.names)


def find_pool(name: str | None, pools: Iterable[Pool]) -> Pool | None:
    """The pool of that name or alias; without a name the only one there is."""
    pools = tuple(pools)
    if name is None:
        return pools[0] if len(pools) == 1 else None
    return next((pool for pool in pools if pool.answers_to(name)), None)
