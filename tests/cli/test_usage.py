"""`usage`, as a person runs it, and how its rows are made."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.usage_report import Quote, Row, quotes, rows, total
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.key import KeyLimits, new_key
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.gateway.books.totals import Total
from kanoa_mlops.render.chart import Bar, chart
from tests.cli.test_plan import run
from tests.gateway.books.making import entry

BY_MODEL = """\

 MODEL           REQUESTS  FAILED  PROMPT   ANSWER     COST   HOSTED
 ───────────────────────────────────────────────────────────────────
 gemma-3-12b-it         2       1     200       40  $0.0000        -
 gpt-oss-120b           2       0    2.0M  500,000  $0.1500  {hosted}
 total                  4       1    2.0M  500,040  $0.1500  {hosted}

Tokens
gemma-3-12b-it ▏                                                             240
gpt-oss-120b   ████████████████████████████████████████████████████████████ 2.5M
"""


@pytest.fixture
def write(home: Path) -> Callable[[Sequence[Entry]], None]:
    def written(entries: Sequence[Entry]) -> None:
        store = SqliteStore(home / "state" / "gateway.db")
        store.write(entries)
        store.close()

    return written


def some(now: float) -> list[Entry]:
    big = {"model": "gpt-oss-120b", "prompt_tokens": 10**6, "completion_tokens": 250_000}
    return [
        entry("a", at=now),
        entry("b", at=now, status=503, estimated=True),
        entry("c", at=now, **big),
        entry("d", at=now, **big, tier="hosted", backend="groq", micro=150_000),
    ]


def test_a_table_and_a_chart_in_80_columns(
    write: Callable[[Sequence[Entry]], None], catalog: Catalog
) -> None:
    write(some(time.time()))
    used = Total(("", "gpt-oss-120b", "local"), 1, 0, 10**6, 250_000, 0, 0)
    quote = quotes([used], list(catalog.providers.values()))["gpt-oss-120b"]
    assert quote is not None
    shown = run("usage", "--by", "model")
    assert shown.returncode == 0, shown.stderr
    plain = "".join(f"{line.rstrip()}\n" for line in shown.stdout.splitlines())
    assert plain == BY_MODEL.format(hosted=f"${quote.micro(used) / 1e6:.4f}")
    assert all(len(line) <= 80 for line in (shown.stdout + shown.stderr).splitlines())
    assert (
        shown.stderr.split()
        == (
            "The tokens of 1 of 4 requests are an estimate. "
            f"HOSTED: gpt-oss-120b at {quote.provider}, the cheapest known: ${quote.price.prompt} and "
            f"${quote.price.answer} a million tokens, read {quote.source.checked} at {quote.source.url}. "
            "No price elsewhere is known of gemma-3-12b-it."
        ).split()
    )


def test_for_programs(write: Callable[[Sequence[Entry]], None]) -> None:
    write(some(time.time()))
    document = json.loads(run("usage", "--by", "tier", "--json").stdout)
    assert document["by"] == "tier"
    hosted, local = document["rows"]
    assert hosted == {
        "label": "hosted",
        "requests": 1,
        "failed": 0,
        "prompt_tokens": 10**6,
        "completion_tokens": 250_000,
        "requests_with_estimated_tokens": 0,
        "cost_usd": 0.15,
        "hosted_cost_usd": None,
    }
    assert (local["label"], local["requests"], local["cost_usd"]) == ("local", 3, 0)
    price = document["hosted"]["gpt-oss-120b"]
    assert price["source"].startswith("https://")
    assert date.fromisoformat(price["checked"]) >= date(2026, 1, 1)
    asked = price["prompt_usd_per_million"] + price["answer_usd_per_million"] / 4
    assert local["hosted_cost_usd"] == pytest.approx(asked, abs=1e-6)
    assert document["hosted"]["gemma-3-12b-it"] is None
    assert document["total"]["requests"] == 4
    assert document["total"]["hosted_cost_usd"] == local["hosted_cost_usd"]


def test_days_are_whole_ones(write: Callable[[Sequence[Entry]], None]) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=1)
    write([entry("a", at=first.timestamp()), entry("b", at=first.timestamp() - 1)])
    by_day = json.loads(run("usage", "--since", "2d", "--json").stdout)
    assert [row["label"] for row in by_day["rows"]] == [first.date().isoformat()]
    assert by_day["since"] == f"{first.date()} 00:00 UTC"
    assert json.loads(run("usage", "--by", "model", "--since", "12h", "--json").stdout)["rows"] == []


@pytest.mark.parametrize(
    ("since", "days"), [("1d", 1), ("24h", 1), ("25h", 2), ("2d", 2), ("7d", 7), ("", 7)]
)
def test_as_many_days_are_shown_as_are_asked_for(
    write: Callable[[Sequence[Entry]], None], since: str, days: int
) -> None:
    """Today is one of them."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    write([entry(f"{ago}", at=(today - timedelta(days=ago)).timestamp()) for ago in range(10)])
    shown = json.loads(run("usage", *(("--since", since) if since else ()), "--json").stdout)
    assert len(shown["rows"]) == days
    assert shown["rows"][-1]["label"] == today.date().isoformat()


def test_keys_by_name(home: Path, write: Callable[[Sequence[Entry]], None]) -> None:
    store = SqliteStore(home / "state" / "gateway.db")
    anna, ben, other_ben = (new_key(name, 0.0, limits=KeyLimits())[0] for name in ("anna", "ben", "ben"))
    store.add_key(anna)
    store.add_key(ben)
    store.revoke_key(ben.id, 1.0)
    store.add_key(other_ben)
    store.close()
    keys = (anna.id, ben.id, other_ben.id, "", "0badcafe")
    write([entry(f"{number}", at=time.time(), key=key) for number, key in enumerate(keys)])
    found = json.loads(run("usage", "--by", "key", "--json").stdout)["rows"]
    assert {row["label"] for row in found} == {
        "anna",
        f"ben {ben.id}",
        f"ben {other_ben.id}",
        "(no key)",
        "0badcafe",
    }


@pytest.mark.parametrize("by", ["tier", "backend"])
def test_what_nobody_answered_has_a_name(write: Callable[[Sequence[Entry]], None], by: str) -> None:
    write([entry("a", at=time.time(), status=429, backend="", tier="")])
    [row] = json.loads(run("usage", "--by", by, "--json").stdout)["rows"]
    assert row["label"] == "(nobody)"


def test_nothing_was_asked(home: Path) -> None:
    shown = run("usage")
    assert (shown.returncode, shown.stdout) == (0, "")
    assert shown.stderr.startswith("Nothing was asked since 20")
    assert json.loads(run("usage", "--json").stdout)["rows"] == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--since", "soon"], "'soon' is not a length of time"),
        (["--by", "weekday"], "'weekday' is not one of 'day', 'model', 'key', 'tier', 'backend'"),
    ],
)
def test_what_is_wrong_is_named(home: Path, arguments: list[str], complaint: str) -> None:
    refused = run("usage", *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert complaint in refused.stderr


def test_only_what_was_answered_at_home_would_have_cost_elsewhere(catalog: Catalog) -> None:
    totals = [
        Total(("x", "gpt-oss-120b", "local"), 1, 0, 100, 50, 0, 0),
        Total(("x", "gpt-oss-120b", "lan"), 2, 1, 1000, 500, 1, 0),
        Total(("x", "gpt-oss-120b", "hosted"), 4, 0, 7, 7, 0, 99),
        Total(("y", "gpt-oss-120b", "cloud"), 8, 0, 1, 1, 0, 0),
    ]
    known = quotes(totals, list(catalog.providers.values()))
    quote = known["gpt-oss-120b"]
    assert quote is not None
    expected = 1100 * quote.price.prompt + 550 * quote.price.answer
    found = rows(totals, known, lambda value: value.upper())
    assert [replace_hosted(row) for row in found] == [
        Row("X", 7, 1, 1107, 557, 1, 99),
        Row("Y", 8, 0, 1, 1, 0, 0),
    ]
    assert found[0].hosted_micro is not None
    assert expected <= found[0].hosted_micro <= expected + 2, "each rounded up"
    assert found[1].hosted_micro is None
    assert total(found).requests == 15
    assert total(found).hosted_micro == found[0].hosted_micro


def replace_hosted(row: Row) -> Row:
    from dataclasses import replace

    return replace(row, hosted_micro=None)


def test_the_cheapest_for_what_was_used_is_taken(catalog: Catalog) -> None:
    """Every other known offer costs as much or more."""
    totals = [Total(("x", "gpt-oss-120b", "local"), 1, 0, 12_345_678, 1_234_567, 0, 0)]
    providers = list(catalog.providers.values())
    quote = quotes(totals, providers)["gpt-oss-120b"]
    assert quote is not None
    offers = [
        Quote(provider.title, offer.price, provider.sources[offer.price.source])
        for provider in providers
        for offer in provider.offers_of("gpt-oss-120b")
        if offer.price
    ]
    assert len(offers) > 3
    assert quote.micro(totals[0]) == min(each.micro(totals[0]) for each in offers)
    assert quote.price.prompt > Decimal(0)


def test_bars() -> None:
    bars = [Bar("a", 8, "8"), Bar("long", 4.5, "4.5"), Bar("c", 0.001, "0"), Bar("d", 0, "0")]
    assert chart(bars, 17) == [
        "a    ████████   8",
        "long ████▌    4.5",
        "c    ▏          0",
        "d               0",
    ]
    assert chart([], 80) == []
    assert chart([Bar("a", 0, "0")], 10) == ["a        0"]
