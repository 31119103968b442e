"""How far a request may go: the backends that are able, as far as owner, key, budget and request allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from kanoa_mlops.gateway.days import time_of
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.backend import BackendView
from kanoa_mlops.gateway.policy.pool import Pool
from kanoa_mlops.gateway.policy.rules import Rules


@dataclass(frozen=True)
class Barrier:
    """What keeps a request from backends beyond the LAN that are able."""

    kind: Literal["request", "owner", "key", "budget"]
    reason: str


@dataclass(frozen=True)
class Reach:
    near: tuple[BackendView, ...]
    """Able, on the owner's machines."""
    far: tuple[BackendView, ...]
    """Able, beyond them, allowed and paid for."""
    barrier: Barrier | None
    """Why `far` is empty where it need not be."""


def reach(ask: Ask, pool: Pool, rules: Rules) -> Reach:
    nearby = near(ask, pool)
    beyond = [backend for backend in in_question(ask, pool) if not backend.near and backend.able(ask)]
    if not beyond:
        return Reach(nearby, (), None)
    if barrier := _forbidden(ask, rules):
        return Reach(nearby, (), barrier)
    left = max(Decimal(0), rules.budget_left)
    far = tuple(each for each in beyond if (cost := each.worst_cost(ask)) is not None and cost <= left)
    return Reach(nearby, far, None if far else _unpaid(ask, beyond, left, rules.budget_renewed_on))


def near(ask: Ask, pool: Pool) -> tuple[BackendView, ...]:
    """Those on the owner's machines that are able."""
    return tuple(backend for backend in in_question(ask, pool) if backend.near and backend.able(ask))


def in_question(ask: Ask, pool: Pool) -> tuple[BackendView, ...]:
    """Those of the pool that the request does not rule out by its own word, forbidden ones included."""
    if ask.burst == "require":
        return tuple(backend for backend in pool.backends if backend.tier == "hosted")
    return pool.backends


def _forbidden(ask: Ask, rules: Rules) -> Barrier | None:
    if ask.kept_here:
        return Barrier("request", ask.kept_here)
    if ask.burst == "never":
        return Barrier("request", "the request forbids it")
    if not rules.burst_allowed:
        return Barrier("owner", "the owner has not allowed it")
    if not rules.key_may_burst:
        return Barrier("key", "this key may not use it")
    return None


def _unpaid(ask: Ask, beyond: Sequence[BackendView], left: Decimal, renewed_on: float | None) -> Barrier:
    costs = [cost for backend in beyond if (cost := backend.worst_cost(ask)) is not None]
    if not costs:
        return Barrier("owner", f"no price is set for {', '.join(backend.id for backend in beyond)}")
    reason = f"it can cost ${min(costs):.4f}, and ${left:.4f} of the budget is left"
    anew = f"; it begins anew at {time_of(renewed_on)}" if renewed_on is not None else ""
    return Barrier("budget", reason + anew)
