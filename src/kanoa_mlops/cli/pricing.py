"""`kanoa-mlops pricing`: prices for kanoa, so that the cost it shows is what was paid."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.cli import options
from kanoa_mlops.cli.books import looked_up
from kanoa_mlops.cli.client import get
from kanoa_mlops.cli.prices import Cost, costs
from kanoa_mlops.cli.prices_file import put_prices
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.servers import front_door
from kanoa_mlops.cli.spent_at import SpentAt, spent_at
from kanoa_mlops.errors import KanoaError, NothingServed
from kanoa_mlops.gateway.books.money import MICRO, format_dollars, parse_micro
from kanoa_mlops.gateway.books.totals import Dimension, Total
from kanoa_mlops.gateway.burst.granting import burst_of
from kanoa_mlops.gateway.policy.backend import FREE, Price
from kanoa_mlops.runtime.state import running_servers
from kanoa_mlops.settings import Settings, load_settings

_DAYS = 30
_DAY = 86400.0


def _price(context: click.Context, parameter: click.Parameter, text: str | None) -> Price:
    """'0.05' for both, '0.05/0.20' for prompt and answer."""
    if text is None:
        return FREE
    prompt, _, answer = text.partition("/")
    try:
        return Price(*(Decimal(parse_micro(each)) / MICRO for each in (prompt, answer or prompt)))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option(
    "--local",
    metavar="DOLLARS",
    callback=_price,
    help="A million tokens here, by your own sums: 0.05, or 0.05/0.20 of prompt and answer.  [default: 0]",
)
@options.port
@options.gateway_file
@options.as_json
def command(local: Price, port: int | None, gateway_file: Path | None, as_json: bool) -> None:
    """Tell kanoa what its answers cost.

    Writes the prices of the models that are served, or were asked in the last 30
    days, to kanoa's own pricing.json. What went beyond the LAN counts with what
    was paid for it: kanoa knows one price a model, wherever it was answered. Run
    it again when that has changed.
    """
    screen, settings = Screen(), load_settings()
    catalog = load_catalog(settings.catalog_dir)
    known = _known(catalog, spent_at(settings, gateway_file))
    rows = _rows(settings, catalog, local, known, _served(settings, port, alone=gateway_file is not None))
    prices = {name: (row.prompt, row.answer) for row in rows for name in row.names}
    changed = put_prices(settings.kanoa_prices_file, prices)
    if as_json:
        screen.json(_document(settings, rows, changed))
    else:
        _show(screen, settings, rows, changed)


@dataclass(frozen=True)
class _Row:
    names: Sequence[str]
    """The served name, then those that mean the same."""
    prompt: float
    """Dollars for a million tokens."""
    answer: float
    cost: Cost


def _known(catalog: Catalog, allowed: SpentAt) -> Mapping[str, Price]:
    return {grant.id: grant.price for grant in burst_of(allowed.config, catalog, taken=allowed.taken).grants}


def _rows(
    settings: Settings,
    catalog: Catalog,
    local: Price,
    known: Mapping[str, Price],
    served: Mapping[str, Sequence[str]],
) -> list[_Row]:
    """
    Args:
        known: prices beyond the LAN, by backend.

    Raises:
        NothingServed: nothing is, and nothing was.
    """
    used = {model: cost for model, cost in costs(_totals(settings), known, local).items() if _tokens(cost)}
    models = dict.fromkeys((*served, *used))
    if not models:
        raise NothingServed(
            f"Nothing is served, and nothing was asked in {_DAYS} days: there is no price to write.",
            hint="Start with `kanoa-mlops serve -d`.",
        )
    return [_row(_names(model, served, catalog), used.get(model, Cost()), local) for model in models]


def _row(names: Sequence[str], cost: Cost, local: Price) -> _Row:
    prompt, answer = cost.prices(local)
    return _Row(names, float(prompt), float(answer), cost)


def _tokens(cost: Cost) -> int:
    return cost.prompt_tokens + cost.answer_tokens


def _names(model: str, served: Mapping[str, Sequence[str]], catalog: Catalog) -> Sequence[str]:
    known = catalog.models[model].aliases if model in catalog.models else ()
    return list(dict.fromkeys((model, *served.get(model, known))))


def _totals(settings: Settings) -> Sequence[Total]:
    by = [Dimension.MODEL, Dimension.TIER, Dimension.BACKEND]
    since = time.time() - _DAYS * _DAY
    # A clock that was ahead has written what is later than now.
    return looked_up(settings, lambda store: store.totals(by, since, float("inf")), ())


def _served(settings: Settings, port: int | None, *, alone: bool) -> dict[str, Sequence[str]]:
    """Model -> its other names, of every server that answers now, or of a gateway alone."""
    urls = [] if alone else [record.url for record in running_servers(settings.servers_dir)]
    if port is not None or not urls:
        urls = [front_door(settings, port or (settings.port if alone else None))]
    found: dict[str, Sequence[str]] = {}
    for url in urls:
        # Without a server there is still what the books have.
        with suppress(KanoaError, ValueError, KeyError, TypeError):
            models = json.loads(get(f"{url}/v1/models"))["data"]
            found |= {each["id"]: tuple(each["kanoa"]["aliases"]) for each in models}
    return found


def _show(screen: Screen, settings: Settings, rows: Sequence[_Row], changed: bool) -> None:
    screen.table(
        ["MODEL", "PROMPT", "ANSWER", "WHY"],
        [[row.names[0], _dollars(row.prompt), _dollars(row.answer), _why(row.cost)] for row in rows],
        right=["PROMPT", "ANSWER"],
    )
    for row in rows:
        if others := ", ".join(row.names[1:]):
            screen.note(f"{row.names[0]} is also called {others}.")
    what = "They are written to" if changed else "They are already in"
    said = (
        f"Dollars for a million tokens. {what} {settings.kanoa_prices_file}; kanoa reads it anew each time."
    )
    screen.say(textwrap.fill(said, 80, break_on_hyphens=False, break_long_words=False))


def _why(cost: Cost) -> str:
    if cost.paid_tokens:
        share = cost.paid_tokens / _tokens(cost)
        return f"{format_dollars(cost.paid)} paid in {_DAYS} days, for {share:.0%} of the tokens"
    return "answered here"


def _dollars(price: float) -> str:
    return f"${price:,.4f}"


def _document(settings: Settings, rows: Sequence[_Row], changed: bool) -> dict[str, Any]:
    return {
        "file": str(settings.kanoa_prices_file),
        "changed": changed,
        "days": _DAYS,
        "models": [
            {
                "names": list(row.names),
                "input_price": row.prompt,
                "output_price": row.answer,
                "tokens": _tokens(row.cost),
                "paid_tokens": row.cost.paid_tokens,
                "paid_usd": row.cost.paid / MICRO,
            }
            for row in rows
        ],
    }
