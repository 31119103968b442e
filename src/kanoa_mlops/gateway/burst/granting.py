"""From what the owner wrote to what may be used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from kanoa_mlops.gateway.burst.allowed import AllowedAddress, AllowedProvider, BurstConfig, LimitsConfig
from kanoa_mlops.gateway.burst.grant import Burst, Grant
from kanoa_mlops.gateway.burst.offer import offer_of, provider_of
from kanoa_mlops.gateway.policy.allowance import LIMITS, Limit
from kanoa_mlops.gateway.policy.backend import FREE, Abilities, Price

if TYPE_CHECKING:
    from kanoa_mlops.catalog.load import Catalog
    from kanoa_mlops.catalog.types.provider import UseLimits

Entry = AllowedProvider | AllowedAddress
KeyOf = Callable[[Entry, str | None], str]
"""Gives the key of an entry; told the variable where people keep it, by custom."""


def no_key(entry: Entry, usual: str | None) -> str:
    """For who only shows what is allowed."""
    return ""


def burst_of(
    config: BurstConfig, catalog: Catalog, key_of: KeyOf = no_key, taken: Collection[str] = ()
) -> Burst:
    """
    Args:
        taken: ids of other backends.

    Raises:
        SettingsError: an entry cannot be granted; names file, line and why.
    """
    _refuse_twins(config.allowed)
    names = ids(config.allowed, taken)
    grants = tuple(
        _grant(entry, id, catalog, key_of) for entry, id in zip(config.allowed, names, strict=True)
    )
    _refuse_two_plans(config.allowed, grants)
    capped = config.max_per_day is not None or config.max_per_month is not None
    for entry, grant in zip(config.allowed, grants, strict=True):
        if not (grant.free or capped or entry.max_per_day is not None or entry.max_per_month is not None):
            raise entry.mistake(
                "",
                f"{grant.name} is paid for, and nothing says how much may be spent.",
                f"Add {entry.setting('max_per_day', '2 $')}.",
            )
    return Burst(grants, config.after, config.max_per_day, config.max_per_month)


def ids(entries: Sequence[Entry], taken: Collection[str] = ()) -> list[str]:
    """One for each, in their order.

    Raises:
        SettingsError: two have the same.
    """
    used = set(taken)
    for entry in entries:
        if entry.id is not None and entry.id in used:
            raise entry.mistake("id", f"{entry.id} is there twice.", "Every backend has an id of its own.")
        used |= {entry.id} if entry.id is not None else set()
    found = []
    for entry in entries:
        id = entry.id or next(each for each in _numbered(_usual_id(entry)) if each not in used)
        used.add(id)
        found.append(id)
    return found


def _usual_id(entry: Entry) -> str:
    return entry.provider.lower() if isinstance(entry, AllowedProvider) else entry.host


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _refuse_twins(entries: Sequence[Entry]) -> None:
    """One account has one set of limits and one bill."""
    seen = set()
    for entry in entries:
        where = entry.provider.lower() if isinstance(entry, AllowedProvider) else entry.base_url
        what = entry.target.lower() if isinstance(entry, AllowedProvider) else entry.name
        twin = (where, what, entry.model.lower(), entry.key_file, entry.key_variable)
        if twin in seen:
            raise entry.mistake("", f"{where} is allowed twice for {entry.model}.", "Keep one of the two.")
        seen.add(twin)


def _refuse_two_plans(entries: Sequence[Entry], grants: Sequence[Grant]) -> None:
    """What is paid for would be booked as free."""
    plans: dict[tuple[object, ...], bool] = {}
    for entry, grant in zip(entries, grants, strict=True):
        account = (grant.base_url, grant.name, entry.key_file, entry.key_variable)
        if plans.setdefault(account, grant.free) != grant.free:
            raise entry.mistake(
                "", f"{grant.name} is free here and paid for above, with one key.", "Give both the same plan."
            )


def _grant(entry: Entry, id: str, catalog: Catalog, key_of: KeyOf) -> Grant:
    if isinstance(entry, AllowedProvider):
        return _of_provider(entry, id, catalog, key_of)
    return Grant(
        id=id,
        model=entry.model,
        provider=entry.host,
        base_url=entry.base_url,
        name=entry.name,
        price=Price(entry.price.prompt, entry.price.answer),
        abilities=Abilities(entry.context, entry.sees, entry.tools, entry.structured),
        limits=_limits(entry.limits, None),
        headers=entry.headers,
        key=key_of(entry, None),
        micro_per_day=entry.max_per_day,
        micro_per_month=entry.max_per_month,
        tier=entry.tier,
        reasons=entry.reasons,
    )


def _of_provider(entry: AllowedProvider, id: str, catalog: Catalog, key_of: KeyOf) -> Grant:
    provider = provider_of(entry, catalog.providers)
    offer = offer_of(entry, provider, catalog)
    return Grant(
        id=id,
        model=entry.model,
        provider=provider.title,
        base_url=_filled(entry, provider.base_url),
        name=offer.name,
        price=Price(offer.price.prompt, offer.price.answer) if offer.price else FREE,
        abilities=Abilities(offer.context, offer.sees, offer.tools, offer.structured),
        limits=_limits(entry.limits, offer.limits),
        headers=entry.headers,
        key=key_of(entry, provider.key_variable),
        micro_per_day=entry.max_per_day,
        micro_per_month=entry.max_per_month,
        reasons=offer.model in catalog.models and catalog.models[offer.model].reasoning,
    )


def _filled(entry: AllowedProvider, base_url: str) -> str:
    if ("{account}" in base_url) != (entry.account is not None):
        needs = entry.account is None
        message = "its address has the account's id in it." if needs else "its address has no account in it."
        account = entry.setting("account")
        raise entry.mistake(
            "account",
            message,
            f"Add {account}, which is your id there." if needs else f"Leave {account} out.",
        )
    return base_url.replace("{account}", entry.account or "")


def _limits(said: LimitsConfig, known: UseLimits | None) -> dict[Limit, int]:
    """What the owner says of the account stands in place of what the catalog knows."""
    found = {}
    for name in LIMITS:
        limit = getattr(said, name) or getattr(known, name, None)
        if limit is not None:
            found[name] = limit
    return found
