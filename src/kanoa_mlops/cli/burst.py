"""`kanoa-mlops burst`: what may be answered beyond the LAN, by whom and for how much."""

from __future__ import annotations

from pathlib import Path

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.types import Offer, Provider
from kanoa_mlops.cli import options
from kanoa_mlops.cli.burst_change import Wanted, allowed_file, revoked_file
from kanoa_mlops.cli.burst_report import (
    Shown,
    cap_of,
    credit_of,
    document,
    dollars,
    limits_text,
    offered_price,
    policy_of,
    price_of,
    prices_read,
    provider_document,
    shown,
    suffixes_of,
)
from kanoa_mlops.cli.burst_terms import terms
from kanoa_mlops.cli.group import Group
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.text_file import write
from kanoa_mlops.gateway.books.money import format_dollars
from kanoa_mlops.gateway.burst.grant import Burst
from kanoa_mlops.gateway.burst.read import read_allowed
from kanoa_mlops.gateway.policy.allowance import LIMITS
from kanoa_mlops.settings import load_settings


@click.group(cls=Group)
def command() -> None:
    """What may be answered beyond the LAN, by whom and for how much.

    As it comes, nothing. What is allowed is kept in burst.yaml, beside your
    settings; a `gateway --config` file has a section of its own.
    """


@command.command("allow")
@click.argument("provider")
@click.option(
    "--for", "model", metavar="MODEL", required=True, help="The served model that it may stand in for."
)
@click.option("--max-per-day", metavar="DOLLARS", callback=options.dollars, help="In a day of UTC: 2.50.")
@click.option("--max-per-month", metavar="DOLLARS", callback=options.dollars, help="In a month of UTC.")
@click.option("--with", "target", metavar="NAME", help="What answers, if it is another model or variant.")
@click.option("--plan", type=click.Choice(["free", "paid"]), help="Of your account there.")
@click.option("--account", metavar="ID", help="Yours there, where it is part of the address.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Holds the key.  [default: the variable that `providers` shows]",
)
def allow(
    provider: str,
    model: str,
    max_per_day: int | None,
    max_per_month: int | None,
    target: str | None,
    plan: str | None,
    account: str | None,
    key_file: Path | None,
) -> None:
    """Let PROVIDER answer for a model when this machine cannot, or not soon.

    Says what leaves, to whom and on which terms. Said again, it changes what is
    said anew and leaves the rest.
    """
    screen, settings = Screen(), load_settings()
    catalog = load_catalog(settings.catalog_dir)
    wanted = Wanted(provider, model, target, plan, account, max_per_day, max_per_month, key_file)
    file = allowed_file(settings.burst_file, wanted, catalog)
    burst, rows = shown(file.config, catalog, settings)
    for line in terms(rows[file.number], burst):
        screen.say(line)
    write(file.path, file.text)
    screen.say(f"It is allowed, in {file.path}.")


@command.command("list")
@options.as_json
def list_(as_json: bool) -> None:
    """What is allowed, what is left of it today, and whether the keys are there."""
    screen, settings = Screen(), load_settings()
    burst, rows = shown(read_allowed(settings.burst_file), load_catalog(settings.catalog_dir), settings)
    if as_json:
        screen.json(
            {
                "file": settings.burst_file,
                "after_seconds": burst.after_seconds,
                "dollars_per_day": dollars(burst.micro_per_day),
                "dollars_per_month": dollars(burst.micro_per_month),
                "allowed": [document(each) for each in rows],
            }
        )
    elif not rows:
        screen.say("Nothing is allowed; no request leaves.")
        screen.say("`kanoa-mlops burst providers` shows who could answer.")
    else:
        _show(screen, burst, rows)


def _show(screen: Screen, burst: Burst, rows: list[Shown]) -> None:
    screen.table(
        ["ID", "FOR", "ANSWERED BY", "$/MTOK", "LEFT TODAY", "KEY"],
        [
            [
                each.grant.id,
                each.grant.model,
                each.grant.name,
                price_of(each.grant),
                _left(each),
                "missing" if each.missing else "there",
            ]
            for each in rows
        ],
        right=["LEFT TODAY"],
        yielding="ANSWERED BY",
    )
    for each in rows:
        grant = each.grant
        sums = cap_of(grant.micro_per_day, grant.micro_per_month)
        facts = [f"At most {sums}." if sums else "", f"{limits_text(grant.limits)}." if grant.limits else ""]
        screen.item(
            " ".join(filter(None, [f"{grant.id}:", *facts, each.policy, each.missing, each.unserved]))
        )
    in_all = cap_of(burst.micro_per_day, burst.micro_per_month)
    screen.say(f"Requests leave that would wait {burst.after_seconds:g} s, or that nothing here can answer.")
    if in_all:
        screen.say(f"In all at most {in_all}.")


def _left(each: Shown) -> str:
    if each.grant.free:
        return ""
    return "not known" if each.left is None else format_dollars(each.left)


@command.command("revoke")
@click.argument("provider")
@click.option("--for", "model", metavar="MODEL", help="Only for this model.  [default: for all]")
def revoke(provider: str, model: str | None) -> None:
    """Take back what PROVIDER, or what has this id, was allowed."""
    settings = load_settings()
    text, models = revoked_file(settings.burst_file, provider, model)
    write(settings.burst_file, text)
    Screen().say(f"{provider} is allowed no longer to answer for {', '.join(models)}.")


@command.command("providers")
@options.as_json
def providers(as_json: bool) -> None:
    """Who could answer: models, prices, limits, and what becomes of the data."""
    screen, catalog = Screen(), load_catalog(load_settings().catalog_dir)
    known = list(catalog.providers.values())
    if as_json:
        screen.json([provider_document(each) for each in known])
        return
    for provider in known:
        _show_provider(screen, provider)
    screen.say("Any other address that speaks as OpenAI does is allowed by hand, in burst.yaml:")
    screen.say("base_url, name, price and context.")


def _show_provider(screen: Screen, provider: Provider) -> None:
    screen.print(f"{provider.id}: {provider.title}, key in {provider.key_variable}")
    if provider.offers:
        columns = ["MODEL", "NAME THERE", "$/MTOK", "LIMITS"]
        rows = [[each.model, each.name, offered_price(each), _limits(each)] for each in provider.offers]
        if any(limits for *_, limits in rows):
            screen.table(columns, rows, yielding="LIMITS")
        else:
            screen.table(columns[:-1], [row[:-1] for row in rows], yielding="NAME THERE")
    screen.note(policy_of(provider))
    if free := credit_of(provider):
        screen.note(free)
    if suffixes := suffixes_of(provider):
        screen.note(suffixes)
    if read := prices_read(provider):
        screen.note(f"Prices and limits: read {read}. {provider.note}".strip())
    elif provider.note:
        screen.note(provider.note)
    screen.print()


def _limits(offer: Offer) -> str:
    known = {name: getattr(offer.limits, name, None) for name in LIMITS}
    return limits_text({name: limit for name, limit in known.items() if limit is not None})
