"""What the owner allows, ready to be used: every name found, every price known, every key at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kanoa_mlops.gateway.policy.allowance import Limit
from kanoa_mlops.gateway.policy.backend import FREE, Abilities, Price, Tier


@dataclass(frozen=True)
class Grant:
    """One model of one provider that may answer in place of a model served here."""

    id: str
    """The backend's: 'groq'. What was spent is kept under it."""
    model: str
    """The served name, or an alias of it, behind which it stands."""
    provider: str
    """Who answers, for people."""
    base_url: str
    """As OpenAI's clients take it, with `/v1`."""
    name: str
    """The provider's own name of the model, with the suffix that stands for the price."""
    price: Price
    abilities: Abilities
    limits: Mapping[Limit, int]
    """What one account may use; what is not known is absent."""
    headers: Mapping[str, str]
    """Of a request, beside the key."""
    key: str = field(repr=False)
    """The bearer key; never shown."""
    micro_per_day: int | None = None
    """The most that may be spent there in a day of UTC, in micro-dollars."""
    micro_per_month: int | None = None
    tier: Tier = "hosted"
    reasons: bool = False
    """Thinks before it answers."""

    @property
    def free(self) -> bool:
        """An answer costs nothing."""
        return self.price == FREE


@dataclass(frozen=True)
class Burst:
    """All that the owner allows. As it comes, nothing."""

    grants: tuple[Grant, ...] = ()
    """In the owner's order."""
    after_seconds: float = 10.0
    """Seconds of waiting, gone and expected, from which on a request may leave."""
    micro_per_day: int | None = None
    """The most that may be spent at all of them in a day of UTC, in micro-dollars."""
    micro_per_month: int | None = None
