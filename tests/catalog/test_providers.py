"""Providers of hosted models as shipped, and what is refused of a person's own entry."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from kanoa_mlops.catalog.load import Catalog, load_catalog, read_entry
from kanoa_mlops.catalog.types import Offer, Provider
from kanoa_mlops.errors import CatalogError
from tests.catalog.test_load import spoil

SHIPPED = Path(str(__import__("kanoa_mlops.catalog").__path__[0])) / "catalog" / "data" / "providers"
ASKED_FOR = {"huggingface", "groq", "cerebras", "openrouter", "nvidia", "sambanova"}


def offers(catalog: Catalog) -> list[tuple[Provider, Offer]]:
    return [(each, offer) for each in catalog.providers.values() for offer in each.offers]


def test_those_people_ask_for_are_there(catalog: Catalog) -> None:
    assert set(catalog.providers) >= ASKED_FOR


def test_the_large_reasoning_model_and_some_that_see_are_served(catalog: Catalog) -> None:
    hosts = {provider.id for provider, offer in offers(catalog) if offer.model == "gpt-oss-120b"}
    assert hosts >= ASKED_FOR - {"nvidia"}
    seeing = [offer for _, offer in offers(catalog) if offer.sees and offer.price]
    assert len({offer.model for offer in seeing}) >= 2


def test_an_offer_claims_nothing_that_the_model_cannot(catalog: Catalog) -> None:
    for provider, offer in offers(catalog):
        model = catalog.models[offer.model]
        assert model.sees or not offer.sees, (provider.id, offer.name)
        assert offer.context <= max(model.architecture.context, 131_072), (provider.id, offer.name)


def test_an_answers_token_costs_more_than_a_prompts_and_neither_is_out_of_the_world(catalog: Catalog) -> None:
    prices = [(provider.id, offer.price) for provider, offer in offers(catalog) if offer.price]
    assert len(prices) > 8
    for provider, price in prices:
        assert Decimal("0.01") < price.prompt < price.answer < 5, provider


def test_a_minute_is_shorter_than_a_day(catalog: Catalog) -> None:
    for provider, offer in offers(catalog):
        if limits := offer.limits:
            for each in ("requests", "tokens"):
                minute = getattr(limits, f"{each}_per_minute")
                day = getattr(limits, f"{each}_per_day")
                assert minute is None or day is None or minute <= day, (provider.id, offer.name)


def test_every_fact_is_dated_and_says_what_was_read(catalog: Catalog) -> None:
    for provider in catalog.providers.values():
        for name, source in provider.sources.items():
            assert source.note, (provider.id, name)
            assert source.checked >= datetime.date(2026, 11, 28), (provider.id, name)


def test_every_source_gives_something(catalog: Catalog) -> None:
    for provider in catalog.providers.values():
        text = (SHIPPED / f"{provider.id}.yaml").read_text(encoding="utf-8")
        assert set(re.findall(r"source: ([\w-]+)", text)) == set(provider.sources), provider.id


def test_a_free_plan_or_a_credit_makes_a_model_free(catalog: Catalog) -> None:
    assert catalog.providers["groq"].is_free("gpt-oss-120b")
    assert catalog.providers["huggingface"].is_free("gpt-oss-120b")  # by its credit
    assert not catalog.providers["openrouter"].is_free("gpt-oss-120b")
    assert not catalog.providers["huggingface"].is_free("gemma-3-4b-it")
    assert [offer.plan for offer in catalog.providers["groq"].offers_of("gpt-oss-120b")] == ["free", "paid"]


def test_a_price_follows_the_suffix_that_fixes_it(catalog: Catalog) -> None:
    """The router chooses by itself, and asks what the chosen provider asks."""
    router = catalog.providers["huggingface"]
    assert {":fastest", ":cheapest", ":preferred"} <= set(router.suffixes)
    assert all(":" in offer.name for offer in router.offers if offer.price)


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    file = tmp_path / "providers" / "mine.yaml"
    file.parent.mkdir()
    file.write_text((SHIPPED / "groq.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return file


def test_a_person_adds_a_provider_by_one_file(entry: Path) -> None:
    assert "mine" in load_catalog(entry.parent.parent).providers


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("colour",), "red", "colour: unknown key"),
        (("base_url",), "http://api.groq.com", "base_url: String should match"),
        (("base_url",), "https://api.groq.com/openai/v1/", "base_url: String should match"),
        (("offers", 1, "price", "prompt"), 0.15, "offers.1.price.prompt: 0.15 is not a price of tokens"),
        (("offers", 1, "price", "prompt"), "0.15 $", "offers.1.price.prompt: '0.15 $' is not a price of"),
        (
            ("offers", 0, "price"),
            {"prompt": "1 $/Mtok", "answer": "1 $/Mtok", "source": "models"},
            "paid plan",
        ),
        (("offers", 1, "plan"), "free", "offers.1: price is given for the paid plan"),
        (("offers", 0, "limits", "requests_per_day"), "many", "limits.requests_per_day: Input should be"),
        (("offers", 0, "limits", "source"), "hearsay", "limits: source 'hearsay' is not among sources"),
        (("data_policy",), None, "data_policy: Field required"),
    ],
)
def test_a_mistake_names_file_and_field(
    entry: Path, path: tuple[str | int, ...], value: object, complaint: str
) -> None:
    spoil(entry, *path, value=value)
    with pytest.raises(CatalogError) as caught:
        read_entry(entry, Provider)
    assert caught.value.message.startswith(str(entry))
    assert complaint in caught.value.message


def test_an_offer_written_twice_is_a_mistake(entry: Path) -> None:
    document = yaml.safe_load(entry.read_text(encoding="utf-8"))
    document["offers"].append(document["offers"][0])
    entry.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(CatalogError, match="gpt-oss-120b openai/gpt-oss-120b free is there twice"):
        read_entry(entry, Provider)


def test_an_offer_of_a_model_that_is_not_there_is_a_mistake(entry: Path) -> None:
    entry.write_text(entry.read_text(encoding="utf-8").replace("model: gpt-oss-120b", "model: nobody"))
    with pytest.raises(CatalogError, match="provider mine: there is no 'nobody' among"):
        load_catalog(entry.parent.parent)
