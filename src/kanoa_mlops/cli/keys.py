"""`kanoa-mlops keys`: who may ask the gateway, and for how much."""

from __future__ import annotations

import time
from contextlib import closing

import click

from kanoa_mlops.cli import options
from kanoa_mlops.cli.books import open_store
from kanoa_mlops.cli.group import Group
from kanoa_mlops.cli.key_report import document, limits_of, state
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.errors import UnknownKey
from kanoa_mlops.gateway.books.key import Key, KeyLimits, new_key
from kanoa_mlops.gateway.books.money import MICRO, format_dollars
from kanoa_mlops.gateway.books.store import Store
from kanoa_mlops.gateway.days import month_of
from kanoa_mlops.settings import load_settings
from kanoa_mlops.units import format_age


@click.group(cls=Group)
def command() -> None:
    """Who may ask the gateway, and for how much.

    Gateways that run see a change within a second.
    """


_positive = click.IntRange(min=1)


@command.command("add")
@click.argument("name")
@click.option("--requests-per-minute", type=_positive, metavar="N", help="As many at once after a rest.")
@click.option("--tokens-per-minute", type=_positive, metavar="N", help="Of prompts and answers together.")
@click.option("--parallel", type=_positive, metavar="N", help="Requests at the same time.")
@click.option("--dollars-per-day", metavar="SUM", callback=options.dollars, help="In a day of UTC: 2.50.")
@click.option("--dollars-per-month", metavar="SUM", callback=options.dollars, help="In a month of UTC.")
@click.option("--model", "models", metavar="PATTERN", multiple=True, help="Only these: 'qwen*'. Repeatable.")
@click.option("--burst", is_flag=True, help="Its requests may leave for hosted capacity.")
@click.option("--expires", metavar="AGE", callback=options.age, help="Good for so long: 30d.")
@options.as_json
def add(
    name: str,
    requests_per_minute: int | None,
    tokens_per_minute: int | None,
    parallel: int | None,
    dollars_per_day: int | None,
    dollars_per_month: int | None,
    models: tuple[str, ...],
    burst: bool,
    expires: float | None,
    as_json: bool,
) -> None:
    """Make a key, and show it this once.

    What is not said is not limited, but nothing leaves for hosted capacity
    without --burst.
    """
    screen, now = Screen(), time.time()
    limits = KeyLimits(
        requests_per_minute, tokens_per_minute, parallel, dollars_per_day, dollars_per_month, models, burst
    )
    key, text = new_key(name, now, expires=None if expires is None else now + expires, limits=limits)
    with closing(_store()) as store:
        store.add_key(key)
    if as_json:
        screen.json({"key": text, **document(key, now)})
        return
    screen.print(text)
    screen.say(f"This is the key of {key.name}, shown once. Its id is {key.id}; {limits_of(key)}.")


@command.command("list")
@options.as_json
def list_(as_json: bool) -> None:
    """The keys there are, and were."""
    screen, now = Screen(), time.time()
    with closing(_store()) as store:
        keys = store.all_keys()
        spent = _spent(store, now)
    if as_json:
        screen.json(
            [document(key, now) | {"dollars_this_month": spent.get(key.id, 0) / MICRO} for key in keys]
        )
        return
    if not keys:
        screen.say("There is no key yet. `kanoa-mlops keys add NAME` makes one.")
        return
    screen.table(
        ["ID", "NAME", "MADE", "STATE", "THIS MONTH", "LIMITS"],
        [
            [
                key.id,
                key.name,
                format_age(max(0.0, now - key.created)),
                state(key, now),
                format_dollars(spent.get(key.id, 0)),
                limits_of(key),
            ]
            for key in keys
        ],
        right=["THIS MONTH"],
        yielding="LIMITS",
    )


@command.command("revoke")
@click.argument("id")
def revoke(id: str) -> None:
    """Take a key back, by its id or its name, for good."""
    with closing(_store()) as store:
        key = _named(store, id)
        if key.revoked is None:
            store.revoke_key(key.id, time.time())
    after = "Gateways refuse it within a second." if key.revoked is None else "So it was before."
    Screen().say(f"The key of {key.name}, {key.id}, is revoked. {after}")


def _store() -> Store:
    return open_store(load_settings())


def _named(store: Store, name: str) -> Key:
    """By id, or by the name, which only one has that is not revoked; of those that are, the last."""
    found = [key for key in store.all_keys() if name in (key.id, key.name)]
    if found:
        return max(found, key=lambda key: (key.id == name, key.revoked is None, key.revoked or 0.0))
    raise UnknownKey(f"There is no key {name!r}.", hint="`kanoa-mlops keys list` shows all.")


def _spent(store: Store, now: float) -> dict[str, int]:
    """Key -> micro-dollars this month."""
    sums: dict[str, int] = {}
    for each in store.booked(month_of(now), now).spent:
        sums[each.key] = sums.get(each.key, 0) + each.micro
    return sums
