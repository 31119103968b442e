"""What was used, made ready to show: totals of the ledger, and what hosted capacity would have cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kanoa_mlops.catalog.types import Offer, Provider
from kanoa_mlops.gateway.books.money import cost
from kanoa_mlops.gateway.books.totals import Total

_HOME = ("local", "lan")
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
    """What its answers from here would have cost elsewhere; None where no price is known of any."""

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
    """A model's paid offer."""

    provider: str
    """Its title."""
    offer: Offer

    def micro(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Micro-dollars."""
        price = self.offer.price
        assert price is not None
        return cost(
            prompt_tokens, completion_tokens, prompt_price=price.prompt, completion_price=price.answer
        )


def quotes_of(providers: Iterable[Provider], model: str) -> list[Quote]:
    """What is known to be paid for it, anywhere."""
    return [
        Quote(provider.title, offer)
        for provider in providers
        for offer in provider.offers_of(model)
        if offer.price is not None
    ]


def rows(
    totals: Iterable[Total], quotes: Mapping[str, Sequence[Quote]], label: Callable[[str], str]
) -> list[Row]:
    """One for each first value of the groups, in their order.

    Args:
        totals: by what is shown, by model and by tier.
        quotes: of a model; the cheapest for what was used is taken.
        label: what a first value is called.
    """
    found: dict[str, Row] = {}
    for total in totals:
        shown, model, tier = total.group
        row = Row(
            label(shown),
            total.requests,
            total.failed,
            total.prompt_tokens,
            total.completion_tokens,
            total.estimated,
            total.micro,
            _hosted(total, quotes.get(model, ())) if tier in _HOME else None,
        )
        found[shown] = found[shown] + row if shown in found else row
    return list(found.values())


def total(each: Sequence[Row]) -> Row:
    return replace(sum(each, Row("")), label="total")


def _hosted(total: Total, quotes: Sequence[Quote]) -> int | None:
    return min((quote.micro(total.prompt_tokens, total.completion_tokens) for quote in quotes), default=None)


def _sum(one: int | None, other: int | None) -> int | None:
    return (one or 0) + (other or 0) if one is not None or other is not None else None
