"""What was used, made ready to show: totals of the ledger, and what hosted capacity would have cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kanoa_mlops.catalog.types import Provider, Source, TokenPrice
from kanoa_mlops.gateway.books.money import cost
from kanoa_mlops.gateway.books.totals import Total

HOME = ("local", "lan")
"""Tiers whose answers cost nothing by the token."""


@dataclass(frozen=True)
class Row:
    label: str
    requests: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0
    """Requests whose tokens are our guess."""
    micro: int = 0
    hosted_micro: int | None = None
    """What its answers from here would have cost elsewhere; None where no price is known of any of them."""

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Row) -> Row:
        return Row(
            self.label,
            self.requests + other.requests,
            self.failed + other.failed,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.estimated + other.estimated,
            self.micro + other.micro,
            _sum(self.hosted_micro, other.hosted_micro),
        )


@dataclass(frozen=True)
class Quote:
    """What a provider asks for a model."""

    provider: str
    """Its title."""
    price: TokenPrice
    source: Source
    """Of the price."""

    def micro(self, used: Used) -> int:
        """Micro-dollars."""
        return cost(
            used.prompt_tokens,
            used.completion_tokens,
            prompt_price=self.price.prompt,
            completion_price=self.price.answer,
        )


class Used(Protocol):
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...


def quotes(totals: Iterable[Total], providers: Sequence[Provider]) -> dict[str, Quote | None]:
    """Model -> the cheapest for what it answered here, all in all; None where no price is known.

    Args:
        totals: by what is shown, by model and by tier.
    """
    used: dict[str, Row] = {}
    for each in totals:
        _, model, tier = each.group
        if tier in HOME:
            used[model] = used.get(model, Row(model)) + _row(model, each)
    return {model: _cheapest(row, providers) for model, row in used.items()}


def rows(
    totals: Iterable[Total], quotes: Mapping[str, Quote | None], label: Callable[[str], str]
) -> list[Row]:
    """One for each first value of the groups, in their order.

    Args:
        totals: by what is shown, by model and by tier.
        label: what a first value is called.
    """
    found: dict[str, Row] = {}
    for each in totals:
        shown, model, tier = each.group
        quote = quotes.get(model) if tier in HOME else None
        row = replace(_row(label(shown), each), hosted_micro=quote.micro(each) if quote else None)
        found[shown] = found[shown] + row if shown in found else row
    return list(found.values())


def total(each: Sequence[Row]) -> Row:
    return replace(sum(each, Row("")), label="total")


def _row(label: str, each: Total) -> Row:
    return Row(
        label,
        each.requests,
        each.failed,
        each.prompt_tokens,
        each.completion_tokens,
        each.estimated,
        each.micro,
    )


def _cheapest(used: Row, providers: Sequence[Provider]) -> Quote | None:
    offers = (
        Quote(provider.title, offer.price, provider.sources[offer.price.source])
        for provider in providers
        for offer in provider.offers_of(used.label)
        if offer.price is not None
    )
    return min(offers, key=lambda quote: quote.micro(used), default=None)


def _sum(one: int | None, other: int | None) -> int | None:
    return (one or 0) + (other or 0) if one is not None or other is not None else None
