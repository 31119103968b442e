"""Asks and backends in one line, where a test cares for a field or two."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.backend import READY, Abilities, BackendView, Price, Tier
from kanoa_mlops.gateway.policy.pool import Pool
from kanoa_mlops.gateway.policy.rules import Rules

NOW = 1000.0
ALL = Abilities(context_tokens=32_768, sees=True, tools=True, structured=True)
TEXT = replace(ALL, sees=False)
OPEN = Rules(burst_allowed=True, key_may_burst=True, budget_left=Decimal(1))
CENTS = Price(Decimal("0.15"), Decimal("0.60"))

_numbers = count()


def an_ask(key: str = "ann", **fields: Any) -> Ask:
    given = {"id": f"ask-{next(_numbers)}", "model": "m", "prompt_tokens": 100, "arrived": NOW, "key": key}
    return Ask(**{**given, "deadline": NOW + 60, **fields})


def a_backend(name: str = "a", tier: Tier = "local", **fields: Any) -> BackendView:
    given = {"id": name, "tier": tier, "abilities": ALL, "state": READY, "slots": 1}
    if tier in ("cloud", "hosted"):
        given["price"] = CENTS
    return BackendView(**{**given, **fields})


def a_pool(*backends: BackendView, aliases: tuple[str, ...] = ()) -> Pool:
    return Pool("m", backends, aliases)
