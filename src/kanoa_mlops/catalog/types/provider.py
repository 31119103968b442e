"""A provider of hosted models: where it answers, what it serves and costs, what becomes of the data."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from kanoa_mlops.catalog.fields import Count, Dollars, DollarsPerMillion, Id, SourceName, Tokens
from kanoa_mlops.catalog.types.base import Entry, Sourced


class TokenPrice(Entry):
    prompt: DollarsPerMillion
    answer: DollarsPerMillion
    source: SourceName


class UseLimits(Entry):
    """What one account may use. What is not known is absent; that is not unlimited."""

    requests_per_minute: Count | None = None
    requests_per_day: Count | None = None
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None
    source: SourceName


class Credit(Entry):
    """What an account may spend without paying."""

    amount: Dollars
    per: Literal["month", "account"]
    source: SourceName


class Offer(Entry):
    """One model in one plan. An ability that is not known is absent, and is not relied on."""

    model: Id
    """The catalog's name for it."""
    name: str = Field(min_length=1)
    """The provider's, with the suffix that stands for the price."""
    plan: Literal["free", "paid"]
    sees: bool = False
    tools: bool = False
    structured: bool = False
    context: Tokens
    """Prompt and answer of one request."""
    price: TokenPrice | None = None
    """Of the paid plan; absent where it is not known, and then nothing is spent there."""
    limits: UseLimits | None = None
    note: str = ""
    source: SourceName

    @model_validator(mode="after")
    def _free_costs_nothing(self) -> Self:
        if self.plan == "free" and self.price is not None:
            raise ValueError("price is given for the paid plan, and only there")
        return self


class DataPolicy(Entry):
    """What becomes of requests there."""

    trains: bool | None = None
    """Whether models are trained on them; None where the provider does not say."""
    summary: str
    source: SourceName


class Provider(Sourced):
    id: Id
    title: str
    base_url: str = Field(pattern=r"^https://[^/].*[^/]$")
    """As OpenAI's clients take it. '{account}' stands for the owner's own."""
    key_variable: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    """Where people keep its key, by custom."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Of a request, beside the key -> what each is for."""
    limit_headers: tuple[str, ...] = ()
    """Of an answer: when a limit begins anew."""
    suffixes: dict[str, str] = Field(default_factory=dict)
    """What may follow a model's name -> what it asks for."""
    credit: Credit | None = None
    data_policy: DataPolicy
    offers: tuple[Offer, ...] = ()
    note: str = ""
    source: SourceName

    def offers_of(self, model: str) -> tuple[Offer, ...]:
        """Of the model with this id, in the provider's own order."""
        return tuple(offer for offer in self.offers if offer.model == model)

    def is_free(self, model: str) -> bool:
        """Whether something of the model can be had without paying."""
        offers = self.offers_of(model)
        return any(offer.plan == "free" for offer in offers) or bool(offers and self.credit)

    @model_validator(mode="after")
    def _offers_each_once(self) -> Self:
        keys = [(offer.model, offer.name, offer.plan) for offer in self.offers]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"offers: {' '.join(key)} is there twice")
        return self
