"""One address that can be sent to, as it stands at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from kanoa_mlops.gateway.policy.ask import Ask

Tier = Literal["local", "lan", "cloud", "hosted"]
TIERS: tuple[Tier, ...] = ("local", "lan", "cloud", "hosted")
"""The nearest first. What is beyond `lan` costs money and leaves the owner's machines."""
BEYOND_LAN: tuple[Tier, ...] = ("cloud", "hosted")

Kind = Literal[
    "unknown", "loading", "ready", "busy", "rate_limited", "exhausted", "auth_error", "down", "asleep"
]
Need = Literal["images", "context", "tools", "structured"]
NEEDS: tuple[Need, ...] = get_args(Need)

_MILLION = 1_000_000


@dataclass(frozen=True)
class State:
    """Only what is `ready` is sent to.

    unknown: not seen yet. loading: will answer. busy: its own queue is full. rate_limited: refuses more for a
    while. exhausted: what was paid for is used up. auth_error: refuses the gateway's own key. down: does not
    answer. asleep: not loaded, or a machine that is off.
    """

    kind: Kind
    reason: str = ""
    """Why, in words of ours."""
    until: float | None = None
    """When it is expected to change by itself; None where nobody knows."""
    words: str = ""
    """What it said itself. A provider's may be about somebody else's request, or the owner's account."""

    @property
    def told(self) -> str:
        """The reason, with its own words."""
        return f"{self.reason}: {self.words}" if self.words else self.reason


READY = State("ready")


@dataclass(frozen=True)
class Abilities:
    context_tokens: int
    """Prompt and answer of one request."""
    sees: bool = False
    tools: bool = False
    structured: bool = False

    def room_for(self, ask: Ask) -> bool:
        """The prompt fits, and an answer worth having after it.

        The limit a client sets is a ceiling, not a need; kanoa asks for 3000 tokens whatever is served.
        """
        answer = min(ask.max_answer_tokens or 1, self.context_tokens // 4)
        return ask.fewest + max(1, answer) <= self.context_tokens

    def lacks(self, what: Need, ask: Ask) -> bool:
        """Whether the request needs this and it is not here."""
        if what == "images":
            return ask.images and not self.sees
        if what == "context":
            return not self.room_for(ask)
        if what == "tools":
            return ask.tools and not self.tools
        return ask.structured and not self.structured


@dataclass(frozen=True)
class Price:
    """In dollars for a million tokens."""

    prompt: Decimal
    answer: Decimal


FREE = Price(Decimal(0), Decimal(0))


@dataclass(frozen=True)
class BackendView:
    id: str
    tier: Tier
    abilities: Abilities
    state: State
    slots: int
    """Requests it works on at once, at least 1."""
    in_flight: int = 0
    service_seconds: float | None = None
    """Moving average of one request from sending to its end; None before the first."""
    price: Price | None = None
    """Beyond the LAN; None where nobody knows it, and then nothing is spent there."""
    wakes_in: float | None = None
    """Seconds from asleep to ready; None where nobody can wake it."""
    probing: bool = False
    """Its breaker is half open: it is ready for one request, which finds out."""

    @property
    def near(self) -> bool:
        """On the owner's own machines."""
        return self.tier not in BEYOND_LAN

    @property
    def load(self) -> float:
        """Requests in flight for each slot."""
        return self.in_flight / self.slots

    def able(self, ask: Ask) -> bool:
        has = self.abilities
        return (
            (has.sees or not ask.images)
            and (has.tools or not ask.tools)
            and (has.structured or not ask.structured)
            and has.room_for(ask)
        )

    def worst_cost(self, ask: Ask) -> Decimal | None:
        """Dollars the request can cost at most; None where the price is not known. Near ones cost nothing."""
        if self.near:
            return Decimal(0)
        if self.price is None:
            return None
        room = max(0, self.abilities.context_tokens - ask.fewest)
        answer = room if ask.max_answer_tokens is None else min(ask.max_answer_tokens, room)
        return (self.price.prompt * ask.most + self.price.answer * answer * ask.answers) / _MILLION
