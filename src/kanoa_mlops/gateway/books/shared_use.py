"""What a key has used over all gateways, as a state that they keep in common. Pure.

Each gateway says how many requests of the key it has under way: the number itself, not what it adds to it,
so that saying it twice is saying it once. What one said holds for a while; one that was killed says it no
more, and its requests count no longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kanoa_mlops.gateway.books.bucket import Bucket
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.state import State
from kanoa_mlops.gateway.books.use import Use, microseconds

LAPSES_AFTER = 30.0
"""Seconds for which a gateway's word on what it has under way holds."""


@dataclass(frozen=True)
class Word:
    """What one gateway has to say of one key."""

    gateway: str
    running: int
    tokens: int
    """To be charged."""
    asking: Sequence[Key]
    """One for each request that wants to be let in; the key as it is now."""
    counted: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Buckets that it alone has counted meanwhile."""


def said(state: State, now: float, word: Word, lapses_after: float) -> tuple[State, list[Refusal | None]]:
    """What is kept then, and for each that asked why it is refused; None where it was let in.

    Args:
        now: seconds of the database's clock.
    """
    moment = microseconds(now)
    end = moment + microseconds(lapses_after)
    others = {
        name: [count, min(until, end)]
        for name, (count, until) in state.get("running", {}).items()
        if name != word.gateway and until > moment
    }
    elsewhere = sum(count for count, _ in others.values())
    use = use_of({**state, **word.counted}, elsewhere + word.running, moment)
    use.charge(word.tokens, moment)
    refusals = [use.admit(key, moment) for key in word.asking]
    mine = {word.gateway: [use.running - elsewhere, end]} if use.running > elsewhere else {}
    return {**saved(use), "running": others | mine}, refusals


def saved(use: Use) -> dict[str, list[int]]:
    """Its buckets, as they are kept."""
    buckets = {"requests": use.requests, "tokens": use.tokens}
    return {name: bucket.saved() for name, bucket in buckets.items() if bucket is not None}


def use_of(state: State, running: int, now: int) -> Use:
    """
    Args:
        now: microseconds of the database's clock.
    """
    return Use(_restored(state, "requests", now), _restored(state, "tokens", now), running)


def is_alone(state: State, gateway: str) -> bool:
    """Nobody else has anything under way."""
    return not set(state.get("running", ())) - {gateway}


def _restored(state: State, name: str, now: int) -> Bucket | None:
    return Bucket.restored(state[name], now) if name in state else None
