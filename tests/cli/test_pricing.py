"""`pricing`: how prices are made, what becomes of the file, and that kanoa then tells the ledger's sums."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.prices import costs
from kanoa_mlops.cli.prices_file import put_prices
from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.gateway.books.totals import Dimension, Total
from kanoa_mlops.gateway.policy.backend import FREE, Price
from tests.cli.alone import gateway
from tests.cli.test_plan import run
from tests.fakes import provider as hub
from tests.fakes.engine import FakeEngine
from tests.fakes.provider import FakeProvider
from tests.gateway.books.making import entry

MODEL = "gpt-oss-120b"
TOKENS = 10**6

prices = st.builds(Price, st.decimals(0, 100, places=3), st.decimals(0, 100, places=3))
counts = st.integers(0, 10**9)


@st.composite
def all_totals(draw: st.DrawFn) -> list[Total]:
    places = draw(st.lists(st.sampled_from(["local", "lan", "cloud", "hosted"]), min_size=1, max_size=5))
    found = []
    for number, tier in enumerate(places):
        prompt, answer = draw(counts), draw(counts)
        micro = draw(counts) if tier in ("cloud", "hosted") and prompt + answer else 0
        found.append(Total((MODEL, tier, f"b{number}"), 1, 0, prompt, answer, 0, micro))
    return found


@given(all_totals(), st.dictionaries(st.sampled_from(["b0", "b1", "b2"]), prices), prices)
def test_by_its_prices_all_tokens_cost_what_they_did(
    totals: list[Total], known: dict[str, Price], local: Price
) -> None:
    prompt, answer = costs(totals, known, local)[MODEL].prices(local)
    asked = sum(each.prompt_tokens for each in totals), sum(each.completion_tokens for each in totals)
    here = [each for each in totals if each.group[1] in ("local", "lan")]
    expected = sum(
        (
            each.prompt_tokens * Fraction(local.prompt) + each.completion_tokens * Fraction(local.answer)
            for each in here
        ),
        start=Fraction(sum(each.micro for each in totals)),
    )
    assert prompt * asked[0] + answer * asked[1] == expected
    assert min(prompt, answer) >= 0


def test_a_known_price_is_found_again_and_shared_by_what_was_free() -> None:
    price = Price(Decimal("0.15"), Decimal("0.60"))
    paid = Total((MODEL, "hosted", "groq"), 1, 0, TOKENS, TOKENS // 4, 0, 300_000)
    prompt, answer = Fraction(price.prompt), Fraction(price.answer)
    assert costs([paid], {"groq": price}, FREE)[MODEL].prices(FREE) == (prompt, answer)
    free = Total((MODEL, "local", MODEL), 1, 0, 2 * TOKENS, 0, 0, 0)
    assert costs([paid, free], {"groq": price}, FREE)[MODEL].prices(FREE) == (prompt / 3, answer)
    each_alike = Fraction(300_000, TOKENS + TOKENS // 4)
    assert costs([paid], {}, FREE)[MODEL].prices(FREE) == (each_alike, each_alike)


@pytest.fixture
def person(home: Path) -> Path:
    """Their pricing.json."""
    os.environ["HOME"] = str(home)
    return home / ".config" / "kanoa" / "pricing.json"


def book(home: Path, entries: Sequence[Entry]) -> None:
    with closing(SqliteStore(home / "state" / "gateway.db")) as store:
        store.write(entries)


def burst(home: Path, text: str) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "burst.yaml").write_text(text)


def test_prices_are_written_under_every_name_and_once(home: Path, person: Path, catalog: Catalog) -> None:
    offer = next(each for each in catalog.providers["groq"].offers_of(MODEL) if each.price)
    assert offer.price is not None
    burst(
        home, f"burst:\n  max_per_day: 9 $\n  allowed:\n    - {{provider: groq, for: {MODEL}, plan: paid}}\n"
    )
    micro = int(offer.price.prompt * TOKENS + offer.price.answer * TOKENS)
    big = {"model": MODEL, "prompt_tokens": TOKENS, "completion_tokens": TOKENS}
    now = time.time()
    book(
        home,
        [
            entry("a", at=now),
            entry("b", at=now, **big, tier="hosted", backend="groq", micro=micro),
            entry("old", at=now - 31 * 86400, **big, tier="hosted", backend="groq", micro=7 * micro),
            entry("refused", at=now, model="nothing", status=404, prompt_tokens=0, completion_tokens=0),
        ],
    )
    person.parent.mkdir(parents=True)
    own = {"openai": {"gpt-4o": {"input_price": 1}, MODEL: {"cached_input_price": 3}}, "gemini": {"x": {}}}
    person.write_text(json.dumps(own))

    shown = run("pricing")
    assert shown.returncode == 0, shown.stderr
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    assert [line.split()[:3] for line in shown.stdout.splitlines() if line.strip().startswith("g")][:2] == [
        ["gemma-3-12b-it", "$0.0000", "$0.0000"],
        [MODEL, f"${offer.price.prompt:.4f}", f"${offer.price.answer:.4f}"],
    ]
    written = json.loads(person.read_text())
    assert (written["gemini"], written["openai"]["gpt-4o"]) == ({"x": {}}, {"input_price": 1})
    asked = {"input_price": float(offer.price.prompt), "output_price": float(offer.price.answer)}
    assert written["openai"][MODEL] == {"cached_input_price": 3, **asked}
    for name in catalog.models[MODEL].aliases:
        assert written["openai"][name] == asked
    assert written["openai"]["google/gemma-3-12b-it"] == {"input_price": 0, "output_price": 0}
    assert "nothing" not in written["openai"]

    before = person.stat()
    again = run("pricing", "--json")
    assert json.loads(again.stdout)["changed"] is False
    assert (person.stat().st_ino, person.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(person.parent.iterdir()) == [person]


def test_the_owner_says_what_a_token_costs_here(home: Path, person: Path) -> None:
    book(home, [entry("a", at=time.time())])
    told = json.loads(run("pricing", "--local", "0.05/0.20", "--json").stdout)
    assert told["file"] == str(person)
    [model] = told["models"]
    assert (model["input_price"], model["output_price"], model["paid_usd"]) == (0.05, 0.2, 0)
    assert json.loads(person.read_text())["openai"]["gemma-3-12b-it"] == {
        "input_price": 0.05,
        "output_price": 0.2,
    }
    refused = run("pricing", "--local", "cheap")
    assert (refused.returncode, "'cheap' is not a sum of dollars" in refused.stderr) == (1, True)


def test_without_a_model_there_is_no_price(home: Path, person: Path) -> None:
    refused = run("pricing", "--port", "1")
    assert refused.returncode == 1
    assert "there is no price to write" in refused.stderr
    assert not person.exists()
    assert not (home / "state" / "gateway.db").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"openai": {', "is not JSON"),
        ("[]", "no object with prices"),
        ('{"openai": 3}', "openai: this is no object"),
        ('{"openai": {"m": 3}}', "openai: m: this is no object"),
        ("\xff", "is not text"),
    ],
)
def test_a_file_that_is_not_understood_is_left(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "pricing.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=complaint):
        put_prices(path, {"m": (0.0, 0.0)})
    assert path.read_bytes() == text.encode("latin-1")


def test_what_kanoa_would_look_at_first_is_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "pricing.json"
    path.write_text('{"openai": {"m": {"tiers": {"default": {"input_price": 9}}, "note": "mine"}}}')
    assert put_prices(path, {"m": (1.0, 2.0)})
    assert json.loads(path.read_text()) == {
        "openai": {"m": {"note": "mine", "input_price": 1.0, "output_price": 2.0}}
    }


ASK = """\
import json, sys
from kanoa import AnalyticsInterpreter

told = {}
for model in sys.argv[2:]:
    interpreter = AnalyticsInterpreter(
        backend="vllm", api_base=sys.argv[1], model=model, api_key="local", max_tokens=100
    )
    for number in range(3):
        interpreter.interpret(data="1 2 3 " * 50 * (number + 1), stream=False, display_result=False)
    told[model] = interpreter.get_cost_summary()
print()
print(json.dumps(told))
"""


def _run(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=120)


class WellEngine(FakeEngine):
    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return web.Response() if request.method == "GET" else await super()._handle(request)


@dataclass(frozen=True)
class Scene:
    home: Path
    port: int

    async def kanoa(self, *models: str) -> dict[str, dict[str, Any]]:
        """What kanoa says three answers of each cost."""
        argv = [sys.executable, "-c", ASK, f"http://127.0.0.1:{self.port}/v1", *models]
        done = await asyncio.to_thread(_run, argv)
        assert done.returncode == 0, done.stderr
        assert ("No pricing found" in done.stdout + done.stderr) is not self._prices.exists()
        summaries: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return summaries

    @property
    def which(self) -> list[str]:
        """Its prices are in its own file."""
        return ["--port", str(self.port), "--config", str(self.home / "gateway.yaml")]

    @property
    def _prices(self) -> Path:
        return self.home / ".config" / "kanoa" / "pricing.json"

    async def booked_three(self, model: str, since: float) -> Total:
        """Of so many requests, once they are written."""
        async with asyncio.timeout(30):
            while not (found := self._booked(model, since)) or found.requests < 3:
                await asyncio.sleep(0.1)
        assert found.requests == 3
        return found

    def _booked(self, model: str, since: float) -> Total | None:
        with closing(SqliteStore(self.home / "state" / "gateway.db")) as store:
            totals = store.totals([Dimension.MODEL], since, time.time())
        return next((each for each in totals if each.group == (model,)), None)


@pytest.fixture
async def scene(home: Path, person: Path) -> AsyncIterator[Scene]:
    """One model that is answered here, and one that is paid for, in whole micro-dollars a token."""
    (home / "config").mkdir()
    key = home / "config" / "hub.key"
    key.write_text(hub.KEY)
    key.chmod(0o600)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(WellEngine())
        provider = await stack.enter_async_context(FakeProvider())
        allowed = {
            "base_url": provider.url,
            "id": "hub",
            "for": "far",
            "name": "openai/gpt-oss-120b:novita",
            "price": {"prompt": "5 $/Mtok", "answer": "25 $/Mtok"},
            "context": "131072 tokens",
            "key_file": str(key),
            "max_per_day": "5 $",
        }
        said = {"after": "0 s", "allowed": [allowed]}
        engines = [
            {"model": "near", "url": engine.url, "engine": "vllm", "context": 4096, "aliases": ["nigh"]},
            {"model": "far", "url": "http://127.0.0.1:1", "engine": "vllm", "context": 4096},
        ]
        started = gateway(home, {"backends": engines, "burst": said})
        port = await asyncio.to_thread(started.__enter__)
        try:
            yield Scene(home, port)
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


async def test_kanoa_tells_what_the_ledger_tells(scene: Scene) -> None:
    models, begin = ("near", "far"), time.time()
    for summary in (await scene.kanoa(*models)).values():
        assert summary["total_cost_usd"] == 0, "it knows no price"
    assert [(await scene.booked_three(model, begin)).micro > 0 for model in models] == [False, True]

    written = await asyncio.to_thread(run, "pricing", *scene.which)
    assert written.returncode == 0, written.stderr
    begin = time.time()
    told = await scene.kanoa(*models)
    for model in models:
        ledger = await scene.booked_three(model, begin)
        tokens = {"input": ledger.prompt_tokens, "output": ledger.completion_tokens}
        assert told[model]["total_tokens"] == tokens
        assert told[model]["total_cost_usd"] == pytest.approx(ledger.micro / 10**6, abs=1e-12)
        assert (ledger.micro > 0) is (model == "far")


async def test_names_of_a_gateway_s_own_are_priced_too(scene: Scene, person: Path) -> None:
    told = await asyncio.to_thread(run, "pricing", "--port", str(scene.port), "--local", "1")
    assert told.returncode == 0, told.stderr
    assert "near is also called nigh" in told.stdout
    known = json.loads(person.read_text())["openai"]
    assert known["nigh"] == known["near"] == {"input_price": 1, "output_price": 1}
