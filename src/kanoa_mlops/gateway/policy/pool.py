"""What stands behind one served name."""

from __future__ import annotations

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
