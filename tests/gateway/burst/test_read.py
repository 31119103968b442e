"""What the owner allows, as it is read, and what a wrong file is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.burst.grant import Burst, Grant
from kanoa_mlops.gateway.burst.read import read_burst
from kanoa_mlops.gateway.policy.backend import FREE, Abilities, Price

GOOD = """\
burst:
  after: 20 s
  max_per_day: 5 $
  max_per_month: 50 $
  allowed:
    - provider: groq
      for: gpt-oss-120b
      plan: paid
      max_per_day: 2.50 $
      max_per_month: 20 $
    - provider: huggingface
      for: gemma-3-12b-it
      with: qwen3-vl-8b-instruct
      headers: {X-HF-Bill-To: lab}
    - base_url: https://api.example.com/v1/
      for: mine
      name: their/model
      price: {prompt: 0.1 $/Mtok, answer: 0.4 $/Mtok}
      context: 8192 tokens
      tools: true
      limits: {requests_per_minute: 5}
      key_variable: MY_KEY
"""
KEYS = {"GROQ_API_KEY": "gsk-secret", "HF_TOKEN": "hf-secret", "MY_KEY": "my-secret"}
CLOUDFLARE = "burst: {allowed: [{provider: cloudflare, for: gpt-oss-120b, plan: free, account: abc}]}"


def written(folder: Path, text: str) -> Path:
    path = folder / "burst.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def one(folder: Path, catalog: Catalog, entry: str, keys: dict[str, str] | None = None) -> Grant:
    text = f"burst: {{max_per_day: 1 $, allowed: [{entry}]}}"
    [grant] = read_burst(written(folder, text), catalog, keys or KEYS).grants
    return grant


def test_without_a_file_or_with_an_empty_one_nothing_is_allowed(tmp_path: Path, catalog: Catalog) -> None:
    assert read_burst(tmp_path / "none.yaml", catalog, KEYS) == Burst()
    for text in ("", "# nothing yet\n", "burst:\n", "burst: {allowed: []}\n"):
        assert read_burst(written(tmp_path, text), catalog, KEYS) == Burst()


def test_everything_that_is_written_is_granted(tmp_path: Path, catalog: Catalog) -> None:
    burst = read_burst(written(tmp_path, GOOD), catalog, KEYS)
    assert (burst.after_seconds, burst.micro_per_day, burst.micro_per_month) == (20, 5_000_000, 50_000_000)
    groq, hub, address = burst.grants
    [offer] = [each for each in catalog.providers["groq"].offers if each.plan == "paid"]
    assert offer.price is not None
    assert groq == Grant(
        id="groq",
        model="gpt-oss-120b",
        provider="Groq",
        base_url="https://api.groq.com/openai/v1",
        name="openai/gpt-oss-120b",
        price=Price(offer.price.prompt, offer.price.answer),
        abilities=Abilities(offer.context, offer.sees, offer.tools, offer.structured),
        limits={"requests_per_minute": 1000, "tokens_per_minute": 250_000},
        headers={},
        key="gsk-secret",
        micro_per_day=2_500_000,
        micro_per_month=20_000_000,
        reasons=True,
    )
    assert (hub.id, hub.model, hub.name) == (
        "huggingface",
        "gemma-3-12b-it",
        "Qwen/Qwen3-VL-8B-Instruct:novita",
    )
    assert (hub.abilities.sees, hub.reasons) == (True, False)
    assert hub.headers == {"X-HF-Bill-To": "lab"}
    assert address == Grant(
        id="api.example.com",
        model="mine",
        provider="api.example.com",
        base_url="https://api.example.com/v1",
        name="their/model",
        price=Price(Decimal("0.1"), Decimal("0.4")),
        abilities=Abilities(8192, sees=False, tools=True, structured=False),
        limits={"requests_per_minute": 5},
        headers={},
        key="my-secret",
    )


def test_a_key_is_never_shown(tmp_path: Path, catalog: Catalog) -> None:
    assert "secret" not in repr(read_burst(written(tmp_path, GOOD), catalog, KEYS))


def test_the_free_plan_costs_nothing_and_needs_no_sum(tmp_path: Path, catalog: Catalog) -> None:
    text = "burst: {allowed: [{provider: groq, for: gpt-oss-120b, plan: free}]}"
    [grant] = read_burst(written(tmp_path, text), catalog, KEYS).grants
    assert (grant.price, grant.free) == (FREE, True)
    assert grant.limits["tokens_per_day"] == 200_000


def test_what_is_only_free_is_taken_for_free(tmp_path: Path, catalog: Catalog) -> None:
    entry = "{provider: openrouter, for: gemma-4-31b-it, with: 'google/gemma-4-31b-it:free'}"
    text = f"burst: {{allowed: [{entry}]}}"
    [grant] = read_burst(written(tmp_path, text), catalog, {"OPENROUTER_API_KEY": "x"}).grants
    assert grant.free


def test_a_sum_is_there_to_be_spent(tmp_path: Path, catalog: Catalog) -> None:
    assert not one(tmp_path, catalog, "{provider: groq, for: gpt-oss-120b, max_per_day: 1 $}").free


def test_the_owner_knows_the_account_better_than_the_catalog(tmp_path: Path, catalog: Catalog) -> None:
    entry = "{provider: groq, for: gpt-oss-120b, plan: free, limits: {requests_per_day: 7}}"
    limits = one(tmp_path, catalog, entry).limits
    assert (limits["requests_per_day"], limits["requests_per_minute"]) == (7, 30)


def test_a_providers_own_name_chooses_among_its_offers(tmp_path: Path, catalog: Catalog) -> None:
    entry = "{provider: huggingface, for: gpt-oss-120b, with: 'openai/gpt-oss-120b:groq'}"
    assert one(tmp_path, catalog, entry).price == Price(Decimal("0.15"), Decimal("0.75"))


def test_an_account_becomes_part_of_the_address(tmp_path: Path, catalog: Catalog) -> None:
    [grant] = read_burst(written(tmp_path, CLOUDFLARE), catalog, {"CLOUDFLARE_API_KEY": "x"}).grants
    assert grant.base_url == "https://api.cloudflare.com/client/v4/accounts/abc/ai/v1"


def test_a_provider_that_stands_twice_is_numbered_beside_the_ids_that_are_given(
    tmp_path: Path, catalog: Catalog
) -> None:
    entries = ", ".join(
        f"{{provider: groq, for: {model}, with: gpt-oss-120b, plan: paid{id}}}"
        for model, id in [("a", ""), ("b", ""), ("c", ", id: groq-2"), ("d", "")]
    )
    text = f"burst: {{max_per_day: 1 $, allowed: [{entries}]}}"
    grants = read_burst(written(tmp_path, text), catalog, KEYS).grants
    assert [grant.id for grant in grants] == ["groq", "groq-3", "groq-2", "groq-4"]


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("after:", "afer:", 2, "burst.afer: unknown key"),
        ("20 s", "20", 2, "20 is not a duration; write it with its unit"),
        ("5 $", "5", 3, "5 is not a sum of money"),
        ("5 $", "-5 $", 3, "'-5 $' is not a sum of money"),
        ("5 $", "0.0000001 $", 3, "is not a sum of dollars"),
        ("provider: groq", "provider: grok", 6, "there is no provider 'grok'"),
        ("provider: groq", "provider: nvidia", 7, "NVIDIA build does not offer 'gpt-oss-120b'"),
        ("provider: groq", "provider: [", 8, "not YAML"),
        ("provider: groq", "plan: free", 8, "plan is written twice"),
        ("gpt-oss-120b", "gpt-oss-20b", 7, "Groq does not offer 'gpt-oss-20b'"),
        ("plan: paid", "plan: gratis", 8, "it must be 'free' or 'paid'"),
        ("plan: paid", "key: sk-secret", 8, "burst.allowed.0.key: unknown key"),
        ("plan: paid", "name: x", 8, "burst.allowed.0.name: unknown key"),
        ("plan: paid", "account: abc", 8, "its address has no account in it"),
        ("plan: paid", "account: ../abc", 8, "String should match"),
        ("plan: paid", "id: groq/1", 8, "String should match"),
        ("with: qwen3-vl-8b-instruct", "with: 'openai/gpt-oss-120b:cheapest'", 13, "does not offer"),
        ("with: qwen3-vl-8b-instruct", "with: 'openai/gpt-oss-120b:groq'\n      plan: free", 14, "free plan"),
        ("{X-HF-Bill-To: lab}", "{Authorization: x}", 14, "Authorization is set by the gateway"),
        ("{X-HF-Bill-To: lab}", '{X-A: "a\\r\\nX-B: c"}', 14, "'X-A' is no header that can be sent"),
        ("https://api", "http://api", 15, "goes beyond this machine by https:// alone"),
        ("https://api", "https://me:pass@api", 15, "a key belongs in a file"),
        ("https://api.example.com", "ftp://x", 15, "it is no address"),
        ("https://api.example.com", "https://[::1", 15, "it is no address"),
        ("https://api.example.com", "https://x:99999", 15, "it is no address"),
        ("price: {prompt: 0.1 $/Mtok, answer: 0.4 $/Mtok}", "", 15, "burst.allowed.2.price: it is missing"),
        ("0.4 $/Mtok", "0.4 $", 18, "is not a price of tokens"),
        ("8192 tokens", "0", 19, "greater than 0"),
        ("8192 tokens", "8 kB", 19, "is not a number of tokens"),
        ("{requests_per_minute: 5}", "{requests_per_minute: 0}", 21, "greater than 0"),
        ("{requests_per_minute: 5}", "{requests_per_hour: 5}", 21, "unknown key"),
        ("key_variable: MY_KEY", "key_variable: OTHER", 22, "OTHER is not set"),
        ("key_variable: MY_KEY", "tools: 2026-13-45", 22, "tools is written twice"),
        ("tools: true", "tools: 2026-13-45", 20, "month must be in 1..12"),
        ("key_variable: MY_KEY", "", 15, "there is no key"),
        ("key_variable: MY_KEY", "key_variable: MY_KEY\n      key_file: k", 15, "keep one"),
        ("key_variable: MY_KEY", "key_file: none", 22, "cannot be read: No such file"),
        ("key_variable: MY_KEY", "key_variable: MY_KEY\n    - 7", 23, "neither a provider nor a base_url"),
        ("key_variable: MY_KEY", "key_variable: MY_KEY\n    - {for: a}", 23, "neither a provider nor"),
    ],
)
def test_a_mistake_names_file_line_and_place(
    tmp_path: Path, catalog: Catalog, before: str, after: str, line: int, words: str
) -> None:
    assert before in GOOD
    path = written(tmp_path, GOOD.replace(before, after, 1))
    with pytest.raises(SettingsError) as refused:
        read_burst(path, catalog, KEYS)
    assert refused.value.message.startswith(f"{path}:{line}: ")
    assert words in refused.value.message
    assert "secret" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize(
    ("entries", "line", "words"),
    [
        ("{provider: groq, for: gpt-oss-120b}", 3, "is offered free and paid"),
        ("{provider: huggingface, for: gpt-oss-120b}", 3, "nothing says how much may be spent"),
        ("{provider: cloudflare, for: gpt-oss-120b, plan: free}", 3, "the account's id in it"),
        ("{provider: groq, for: a, with: gpt-oss-120b, plan: free, id: x}\n  - {base_url: 'http://[::1]/v1', "
         "for: a, name: b, price: {prompt: 0 $/Mtok, answer: 0 $/Mtok}, context: 9, key_variable: K, id: x}",
         4, "burst.allowed.1.id: x is there twice"),
        ("{provider: groq, for: gpt-oss-120b, plan: free}\n"
         "  - {provider: Groq, for: gpt-oss-120b, plan: free}",
         4, "is allowed twice for gpt-oss-120b"),
        ("{provider: groq, for: gpt-oss-120b, plan: free}\n  - {provider: groq, for: a, with: gpt-oss-120b, "
         "max_per_day: 1 $}", 4, "with one key"),
    ],
)  # fmt: skip
def test_nothing_is_spent_that_was_not_allowed_in_so_many_words(
    tmp_path: Path, catalog: Catalog, entries: str, line: int, words: str
) -> None:
    path = written(tmp_path, f"burst:\n  allowed:\n  - {entries}\n")
    keys = dict.fromkeys(("GROQ_API_KEY", "HF_TOKEN", "CLOUDFLARE_API_KEY", "K"), "k")
    with pytest.raises(SettingsError) as refused:
        read_burst(path, catalog, keys)
    assert refused.value.message.startswith(f"{path}:{line}: ")
    assert words in refused.value.message


def test_a_wrong_provider_is_told_the_nearest_and_what_it_offers(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(SettingsError) as refused:
        one(tmp_path, catalog, "{provider: grok, for: gpt-oss-120b}")
    assert refused.value.hint.startswith("Did you mean groq?")
    with pytest.raises(SettingsError) as refused:
        one(tmp_path, catalog, "{provider: groq, for: gpt-oss-20b}")
    assert refused.value.hint.startswith("Did you mean gpt-oss-120b")
    assert "It offers gpt-oss-120b" in refused.value.hint


def test_an_address_of_this_machine_needs_no_https(tmp_path: Path, catalog: Catalog) -> None:
    entry = (
        "{base_url: 'http://127.0.0.1:9000/v1', for: a, name: b, context: 9, "
        "price: {prompt: 0 $/Mtok, answer: 0 $/Mtok}, key_variable: K, tier: cloud}"
    )
    grant = one(tmp_path, catalog, entry, {"K": "k"})
    assert (grant.id, grant.tier, grant.free) == ("127.0.0.1", "cloud", True)
