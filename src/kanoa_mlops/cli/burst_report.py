"""What is allowed beyond the LAN as `burst` shows it, for people and for programs."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Offer, Provider
from kanoa_mlops.cli.books import looked_up
from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.books.budget import Payer, caps
from kanoa_mlops.gateway.books.money import MICRO, format_dollars
from kanoa_mlops.gateway.books.spending import Spending
from kanoa_mlops.gateway.burst.allowed import AllowedProvider, BurstConfig
from kanoa_mlops.gateway.burst.grant import Burst, Grant
from kanoa_mlops.gateway.burst.granting import Entry, burst_of
from kanoa_mlops.gateway.burst.secret import Secrets
from kanoa_mlops.gateway.burst.unserved import unserved
from kanoa_mlops.gateway.days import month_of
from kanoa_mlops.gateway.policy.allowance import Limit
from kanoa_mlops.settings import Settings, environment

_TRAINS = {
    True: " Models may be trained on requests.",
    False: " No model is trained on requests.",
    None: "",
}
_UNITS: dict[Limit, str] = {
    "requests_per_minute": "req/min",
    "requests_per_day": "req/day",
    "tokens_per_minute": "tok/min",
    "tokens_per_day": "tok/day",
}


@dataclass(frozen=True)
class Shown:
    grant: Grant
    provider: Provider | None
    """None where only an address is known."""
    missing: str
    """Why there is no key; '' where there is one."""
    left: int | None
    """Micro-dollars that may still be spent there today; None where nothing limits it, or nobody knows."""
    unserved: str
    """That no server here serves its model, where that may be a mistake; '' elsewhere."""

    @property
    def policy(self) -> str:
        if self.provider is None:
            return f"What becomes of requests is for {self.grant.provider} to say."
        return policy_of(self.provider)


def shown(
    config: BurstConfig, catalog: Catalog, settings: Settings, taken: Collection[str] = ()
) -> tuple[Burst, list[Shown]]:
    """
    Args:
        taken: ids of other backends.

    Raises:
        SettingsError: an entry cannot be granted; a key that is not there is shown, not raised.
    """
    missing: list[str] = []
    secrets = Secrets(environment(), settings.hub_token_file)

    def look(entry: Entry, usual: str | None) -> str:
        found = secrets.look(entry, usual)
        why = f"{found.why} {found.hint}".strip()
        missing.append(_sentence(why))
        return found.text

    burst = burst_of(config, catalog, look, taken)
    now = time.time()
    spending = _spending(settings, now)
    providers = [
        catalog.providers[entry.provider.lower()] if isinstance(entry, AllowedProvider) else None
        for entry in config.allowed
    ]
    here = _served(settings, catalog)
    rows = zip(burst.grants, providers, missing, strict=True)
    return burst, [
        Shown(
            grant,
            provider,
            why,
            _left(burst, grant, spending, now),
            _sentence(unserved(grant.model, here)),
        )
        for grant, provider, why in rows
    ]


def policy_of(provider: Provider) -> str:
    """What becomes of requests there, and when that was read."""
    policy = provider.data_policy
    read = provider.sources[policy.source].checked
    return f"{policy.summary}{_TRAINS[policy.trains]} Read {read}."


def credit_of(provider: Provider) -> str:
    """What an account may spend without paying; '' where nothing is known."""
    if provider.credit is None:
        return ""
    read = provider.sources[provider.credit.source].checked
    return f"Free of charge: ${provider.credit.amount:.2f} a {provider.credit.per}. Read {read}."


def suffixes_of(provider: Provider) -> str:
    """Names beside those that have a price; '' where there are none."""
    if not provider.suffixes:
        return ""
    meant = "; ".join(f"{suffix} for {meaning}" for suffix, meaning in provider.suffixes.items())
    return f"A name may end in {meant}. What has no price above is allowed by its address, with one of yours."


def prices_read(provider: Provider) -> date | None:
    """The oldest date of a price or a limit; None without any."""
    facts = [fact for offer in provider.offers for fact in (offer.price, offer.limits, offer) if fact]
    return min((provider.sources[fact.source].checked for fact in facts), default=None)


def price_of(grant: Grant) -> str:
    """Dollars for a million tokens of prompt and of answer."""
    return "free" if grant.free else f"{grant.price.prompt} / {grant.price.answer}"


def offered_price(offer: Offer) -> str:
    if offer.plan == "free":
        return "free"
    return f"{offer.price.prompt} / {offer.price.answer}" if offer.price else "not known"


def limits_text(limits: Mapping[Limit, int]) -> str:
    """'30 req/min, 8,000 tok/min'; '' where none is known."""
    return ", ".join(f"{limits[name]:,} {unit}" for name, unit in _UNITS.items() if name in limits)


def cap_of(micro_per_day: int | None, micro_per_month: int | None) -> str:
    """'$2.00 a day, $20.00 a month'; '' without one."""
    sums = ((micro_per_day, "day"), (micro_per_month, "month"))
    return ", ".join(f"{format_dollars(micro)} a {period}" for micro, period in sums if micro is not None)


def document(each: Shown) -> dict[str, Any]:
    grant, provider = each.grant, each.provider
    return {
        "id": grant.id,
        "for": grant.model,
        "provider": grant.provider,
        "tier": grant.tier,
        "base_url": grant.base_url,
        "name": grant.name,
        "free": grant.free,
        "dollars_per_million_tokens": {
            "prompt": float(grant.price.prompt),
            "answer": float(grant.price.answer),
        },
        "limits": dict(grant.limits),
        "dollars_per_day": dollars(grant.micro_per_day),
        "dollars_per_month": dollars(grant.micro_per_month),
        "dollars_left_today": dollars(each.left),
        "key": not each.missing,
        "warning": each.unserved or None,
        "data_policy": _policy_document(provider) if provider else None,
    }


def provider_document(provider: Provider) -> dict[str, Any]:
    return {
        "id": provider.id,
        "title": provider.title,
        "base_url": provider.base_url,
        "key_variable": provider.key_variable,
        "data_policy": _policy_document(provider),
        "credit": provider.credit.model_dump(mode="json") if provider.credit else None,
        "suffixes": provider.suffixes,
        "offers": [offer.model_dump(mode="json", exclude_none=True) for offer in provider.offers],
        "note": provider.note,
        "sources": {name: source.model_dump(mode="json") for name, source in provider.sources.items()},
    }


def dollars(micro: int | None) -> float | None:
    return None if micro is None else micro / MICRO


def _policy_document(provider: Provider) -> dict[str, Any]:
    policy, source = provider.data_policy, provider.sources[provider.data_policy.source]
    return {
        "summary": policy.summary,
        "trains": policy.trains,
        "url": source.url,
        "checked": source.checked.isoformat(),
    }


def _served(settings: Settings, catalog: Catalog) -> list[str]:
    """By the servers that run: names, and aliases where the catalog knows any."""
    # Looks at processes, which takes a while to learn; who could answer is told without.
    from kanoa_mlops.runtime.state import running_servers

    running = [name for record in running_servers(settings.servers_dir) for name in record.models]
    known = (catalog.models[name] for name in running if name in catalog.models)
    return [*running, *(alias for model in known for alias in model.aliases)]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _spending(settings: Settings, now: float) -> Spending | None:
    """None where the books cannot be read."""
    try:
        return looked_up(settings, lambda store: Spending(store.booked(month_of(now), now)), Spending())
    except KanoaError:
        return None


def _left(burst: Burst, grant: Grant, spending: Spending | None, now: float) -> int | None:
    if spending is None or grant.free:
        return None
    own = caps(Payer.BACKEND, grant.micro_per_day, grant.micro_per_month)
    overall = caps(Payer.ALL, burst.micro_per_day, burst.micro_per_month)
    return spending.left((*own, *overall), now, backend=grant.id)
