"""`kanoa-mlops usage`: what was asked of the gateway, and what it cost."""

from __future__ import annotations

import math
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.cli import options
from kanoa_mlops.cli.books import open_store
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.usage_report import Quote, Row, quotes, rows, total
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.money import MICRO
from kanoa_mlops.gateway.books.totals import Dimension
from kanoa_mlops.gateway.days import day_of, time_of
from kanoa_mlops.render.chart import Bar, chart
from kanoa_mlops.settings import Settings, load_settings

_WIDTH = 80
_DAY = 86400.0
_NUMBERS = ("REQUESTS", "FAILED", "PROMPT", "ANSWER", "COST", "HOSTED")


@click.command()
@click.option(
    "--by",
    type=click.Choice([each.value for each in Dimension]),
    default=Dimension.DAY.value,
    show_default=True,
    help="What to add it up by.",
)
@click.option(
    "--since",
    metavar="AGE",
    default="7d",
    show_default=True,
    callback=options.age,
    help="How far back: 12h, 7d. By day, 7d is today and the six days before, of UTC.",
)
@options.as_json
def command(by: str, since: float, as_json: bool) -> None:
    """What was asked of the gateway, and what it cost.

    HOSTED is what answers from this machine and the LAN would have cost at the
    cheapest provider whose price the catalog knows.
    """
    screen, settings, dimension = Screen(), load_settings(), Dimension(by)
    begin = _begin(time.time(), since, dimension)
    found = _find(settings, dimension, begin)
    if as_json:
        screen.json(_document(found, dimension, begin))
    elif not found.rows:
        screen.say(f"Nothing was asked since {time_of(begin)}.")
    else:
        _show(screen, found, dimension)


def _begin(now: float, since: float, by: Dimension) -> float:
    """A day is not shown in part; the last is today, which is one of so many."""
    at = now - since
    if by is not Dimension.DAY:
        return at
    if since >= _DAY:
        at = now - (math.ceil(since / _DAY) - 1) * _DAY
    return datetime.fromisoformat(day_of(at)).replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Found:
    rows: Sequence[Row]
    quotes: Mapping[str, Quote | None]
    """Model that answered here -> its price elsewhere."""


def _find(settings: Settings, by: Dimension, since: float) -> Found:
    with closing(open_store(settings)) as store:
        # A clock that was ahead has written what is later than now.
        totals = store.totals([by, Dimension.MODEL, Dimension.TIER], since, float("inf"))
        label = _key_label(store.all_keys()) if by is Dimension.KEY else _label
    providers = list(load_catalog(settings.catalog_dir).providers.values())
    known = quotes(totals, providers)
    return Found(rows(totals, known, label), known)


def _label(name: str) -> str:
    """Of what no backend answered neither it nor its tier is known."""
    return name or "(nobody)"


def _key_label(keys: Sequence[Key]) -> Callable[[str], str]:
    """A key's name; with its id where others had the same name."""
    names = [key.name for key in keys]
    labels = {key.id: key.name if names.count(key.name) == 1 else f"{key.name} {key.id}" for key in keys}
    return lambda id: labels.get(id, id) or "(no key)"


def _show(screen: Screen, found: Found, by: Dimension) -> None:
    whole = total(found.rows)
    screen.table(
        [by.upper(), *_NUMBERS],
        [_cells(row) for row in ([*found.rows, whole] if len(found.rows) > 1 else found.rows)],
        right=_NUMBERS,
    )
    screen.print("Tokens")
    bars = [Bar(_short(row.label), row.tokens, _count(row.tokens)) for row in found.rows]
    for line in chart(bars, _WIDTH):
        screen.print(line.rstrip())
    for note in _notes(found, whole):
        screen.say(textwrap.fill(note, _WIDTH, break_on_hyphens=False, break_long_words=False))


def _notes(found: Found, whole: Row) -> Iterator[str]:
    if whole.estimated:
        yield f"The tokens of {whole.estimated} of {whole.requests} requests are an estimate."
    for model, quote in found.quotes.items():
        if quote:
            yield (
                f"HOSTED: {model} at {quote.provider}, the cheapest known: "
                f"${quote.price.prompt} and ${quote.price.answer} a million tokens, "
                f"read {quote.source.checked} at {quote.source.url}."
            )
    if unknown := [model for model, quote in found.quotes.items() if not quote]:
        yield f"No price elsewhere is known of {', '.join(unknown)}."


def _cells(row: Row) -> list[str]:
    return [
        row.label,
        _count(row.requests),
        _count(row.failed),
        _count(row.prompt_tokens),
        _count(row.completion_tokens),
        _dollars(row.micro),
        "-" if row.hosted_micro is None else _dollars(row.hosted_micro),
    ]


def _dollars(micro: int) -> str:
    """All with the same digits, as they stand below one another."""
    return f"${micro / MICRO:,.4f}"


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**6 else f"{number / 1e6:,.1f}M"


def _short(label: str) -> str:
    return label if len(label) <= 32 else f"{label[:31]}…"


def _document(found: Found, by: Dimension, since: float) -> dict[str, Any]:
    return {
        "since": time_of(since),
        "by": by,
        "rows": [_row(row) for row in found.rows],
        "total": _row(total(found.rows)),
        "hosted": {model: _quote(quote) for model, quote in found.quotes.items()},
    }


def _quote(quote: Quote | None) -> dict[str, Any] | None:
    if quote is None:
        return None
    return {
        "provider": quote.provider,
        "prompt_usd_per_million": float(quote.price.prompt),
        "answer_usd_per_million": float(quote.price.answer),
        "source": quote.source.url,
        "checked": quote.source.checked.isoformat(),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "label": row.label,
        "requests": row.requests,
        "failed": row.failed,
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "requests_with_estimated_tokens": row.estimated,
        "cost_usd": row.micro / MICRO,
        "hosted_cost_usd": None if row.hosted_micro is None else row.hosted_micro / MICRO,
    }
