"""Which of a provider's offers is meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kanoa_mlops.catalog.query import find_model
from kanoa_mlops.errors import UnknownModel
from kanoa_mlops.gateway.burst.allowed import AllowedProvider
from kanoa_mlops.nearest import meant

if TYPE_CHECKING:
    from kanoa_mlops.catalog.load import Catalog
    from kanoa_mlops.catalog.types import Offer, Provider

_BY_ADDRESS = "What the catalog does not know is allowed by its address: base_url, name, price and context."


def provider_of(entry: AllowedProvider, providers: Mapping[str, Provider]) -> Provider:
    """
    Raises:
        SettingsError: there is none; says which there are.
    """
    name = entry.provider.lower()
    if name in providers:
        return providers[name]
    guess = meant(name, providers)
    raise entry.mistake(
        "provider",
        f"there is no provider {entry.provider!r} in the catalog.",
        f"{guess} It has {', '.join(providers)}. {_BY_ADDRESS}".lstrip(),
    )


def offer_of(entry: AllowedProvider, provider: Provider, catalog: Catalog) -> Offer:
    """The first in the provider's own order that is of the model and of the plan.

    Raises:
        SettingsError: there is none, or what it costs is not known.
    """
    offers = _offers(entry, provider, catalog)
    plan = entry.plan or _plan(entry, offers)
    in_plan = [offer for offer in offers if offer.plan == plan]
    if not in_plan:
        raise entry.mistake(
            "plan",
            f"{provider.title} does not offer {offers[0].name} in its {plan} plan.",
            f"It does in its {offers[0].plan} plan.",
        )
    priced = [offer for offer in in_plan if plan == "free" or offer.price is not None]
    if not priced:
        raise entry.mistake(
            "plan",
            f"the price of {in_plan[0].name} is not known, so nothing is spent there.",
            _BY_ADDRESS,
        )
    return priced[0]


def _offers(entry: AllowedProvider, provider: Provider, catalog: Catalog) -> list[Offer]:
    wanted = entry.target or entry.model
    named = [offer for offer in provider.offers if offer.name.lower() == wanted.lower()]
    found = named or list(provider.offers_of(_id(wanted, catalog)))
    if not found:
        raise entry.mistake(
            "with" if entry.target else "for",
            f"{provider.title} does not offer {wanted!r}, as far as the catalog knows.",
            _instead(wanted, entry, provider),
        )
    return found


def _id(name: str, catalog: Catalog) -> str:
    try:
        return find_model(catalog, name).id
    except UnknownModel:
        return name


def _instead(wanted: str, entry: AllowedProvider, provider: Provider) -> str:
    names = list(dict.fromkeys(each for offer in provider.offers for each in (offer.model, offer.name)))
    models = list(dict.fromkeys(offer.model for offer in provider.offers))
    guess = meant(wanted, names)
    offers = f"It offers {', '.join(models)}"
    offered = f"{offers}; another model than the served one is named by {entry.setting('with')}. "
    what = offered if models else "The catalog has no offer of it. "
    return f"{guess} {what}{_BY_ADDRESS}".lstrip()


def _plan(entry: AllowedProvider, offers: list[Offer]) -> str:
    """A sum is there to be spent. Without one, only what is free alone is taken for free: an account has one
    plan, and only its owner knows which."""
    plans = list(dict.fromkeys(offer.plan for offer in offers))
    if entry.max_per_day is not None or entry.max_per_month is not None:
        return "paid" if "paid" in plans else plans[0]
    if len(plans) > 1:
        free, sum = entry.setting("plan", "free"), entry.setting("max_per_day", "2 $")
        raise entry.mistake(
            "",
            f"{offers[0].name} is offered free and paid.",
            f"Add {free} if your account has that plan, or else {sum}.",
        )
    return plans[0]
