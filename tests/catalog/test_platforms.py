"""Platforms and measurements as shipped: what can be wrong in a table of numbers read from many pages."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import AcceleratorFacts, Measured, Measurements, Platform

GIB = 2**30
ROADMAP = {
    "rtx-5080-egpu",
    "rtx-4090",
    "gcp-l4",
    "gcp-h100",
    "mi300x",
    "jetson-orin-64",
    "jetson-thor-128",
    "free-hosted",
}
OWNED = {
    "rtx-3060-12",
    "rtx-4060-laptop-8",
    "rtx-4070-laptop-8",
    "rtx-4070-ti-super-16",
    "rtx-5080",
    "rtx-5090",
    "rtx-3090",
    "rx-7900-xt-20",
    "a100-40",
    "a100-80",
    "dgx-spark-128",
    "mac-m1-16",
    "mac-m4-max-128",
    "cpu-16",
    "cpu-32",
    "cpu-64",
}


def with_card(catalog: Catalog) -> list[tuple[Platform, AcceleratorFacts]]:
    return [(each, each.accelerator) for each in catalog.platforms.values() if each.accelerator]


def runs(catalog: Catalog) -> list[tuple[Measurements, Measured]]:
    return [(each, run) for each in catalog.measurements.values() for run in each.runs]


def test_every_row_of_the_roadmap_is_there_and_no_other_claims_to_be_one(catalog: Catalog) -> None:
    assert {each.id for each in catalog.platforms.values() if each.roadmap} == ROADMAP


def test_what_people_own_is_there(catalog: Catalog) -> None:
    assert set(catalog.platforms) >= OWNED


def test_no_two_platforms_answer_to_one_name_in_any_case(catalog: Catalog) -> None:
    names = Counter(name.lower() for each in catalog.platforms.values() for name in (each.id, *each.aliases))
    assert [name for name, times in names.items() if times > 1] == []


def test_an_engine_sees_less_than_the_box_says(catalog: Catalog) -> None:
    for platform, card in with_card(catalog):
        least = 0.6 if platform.unified else 0.9
        assert least * card.memory_nominal < card.memory_visible <= card.memory_nominal, platform.id


def test_memory_of_a_card_is_a_round_number_of_gib(catalog: Catalog) -> None:
    for platform, card in with_card(catalog):
        assert card.memory_nominal % GIB == 0, platform.id


def test_apple_lets_graphics_take_two_thirds_or_three_quarters(catalog: Catalog) -> None:
    macs = [(each, card) for each, card in with_card(catalog) if each.kind == "apple"]
    assert macs
    for platform, card in macs:
        assert platform.host is not None
        share = 2 / 3 if platform.host.memory < 36 * GIB else 3 / 4
        assert card.memory_visible == pytest.approx(share * platform.host.memory, rel=1e-3), platform.id
        assert platform.unified and platform.host.system == "Darwin"
        assert "vllm" not in platform.engines


def test_unified_memory_is_one_memory(catalog: Catalog) -> None:
    unified = [(each, card) for each, card in with_card(catalog) if each.unified]
    assert {each.kind for each, _ in unified} == {"apple", "edge", "desktop"}
    for platform, card in unified:
        assert platform.host is not None and platform.link is not None
        assert card.memory_visible <= platform.host.memory, platform.id
        assert platform.host.bandwidth == card.bandwidth == platform.link.bandwidth, platform.id
        assert card.count == 1, platform.id


def test_rates_are_of_their_kind(catalog: Catalog) -> None:
    for platform in catalog.platforms.values():
        if platform.host and not platform.unified:
            assert 20e9 < platform.host.bandwidth < 1e12, platform.id
    for platform, card in with_card(catalog):
        assert 50e9 < card.bandwidth < 1e13, platform.id
        # From a Mac's plain arithmetic units to tensor cores on mobile memory: a slip of unit leaves this.
        assert 20 < card.flops / card.bandwidth < 1000, platform.id
        if not platform.unified:
            assert platform.link is not None and platform.link.bandwidth < card.bandwidth / 5, platform.id


def test_a_card_is_the_same_wherever_it_is_put(catalog: Catalog) -> None:
    seen: dict[tuple[str, int], set[AcceleratorFacts]] = defaultdict(set)
    for _, card in with_card(catalog):
        seen[card.name, card.memory_nominal].add(card.model_copy(update={"count": 1}))
    assert len(seen["NVIDIA GeForce RTX 5080", 16 * GIB]) == 1
    assert [name for name, facts in seen.items() if len(facts) > 1] == []


def test_capability_is_written_as_its_maker_does(catalog: Catalog) -> None:
    forms = {"nvidia": r"\d+\.\d", "amd": r"gfx[0-9a-f]+", "apple": r""}
    for platform, card in with_card(catalog):
        assert re.fullmatch(forms[card.vendor], card.capability or ""), platform.id


def test_a_cable_costs_speed_and_a_slot_does_not(catalog: Catalog) -> None:
    cables = {"thunderbolt", "usb4", "oculink"}
    for platform in catalog.platforms.values():
        if platform.link:
            assert (platform.link.decode_share < 1) == (platform.link.kind in cables), platform.id
            assert (platform.kind == "egpu") == (platform.link.kind in cables), platform.id
    shares = {each.link.kind: each.link.decode_share for each in catalog.platforms.values() if each.link}
    assert shares["oculink"] > shares["thunderbolt"] > shares["usb4"]
    # As measured: tokens a second on one card, by cable and in a slot.
    assert shares["oculink"] == pytest.approx(138 / 142, abs=1e-3)
    assert shares["usb4"] == pytest.approx(119 / 142, abs=1e-3)


def test_engines_run_where_they_say_they_do(catalog: Catalog) -> None:
    for platform in catalog.platforms.values():
        device = platform.accelerator.vendor if platform.accelerator else "cpu"
        for engine in platform.engines:
            assert device in catalog.engines[engine].devices, (platform.id, engine)
        assert bool(platform.engines) == (platform.host is not None), platform.id


def test_what_is_refused_is_a_known_format_with_a_reason(catalog: Catalog) -> None:
    for platform in catalog.platforms.values():
        for quantization, why in platform.refuses.items():
            assert quantization in catalog.quantizations, platform.id
            assert why.endswith("."), (platform.id, quantization)


def test_every_source_says_what_it_gives(catalog: Catalog) -> None:
    entries: list[Platform | Measurements] = [*catalog.platforms.values(), *catalog.measurements.values()]
    assert [
        (entry.id, name) for entry in entries for name, source in entry.sources.items() if not source.note
    ] == []


def test_what_is_free_somewhere_is_told_and_nothing_else(catalog: Catalog) -> None:
    told = [(each.model, each.provider) for each in catalog.platforms["free-hosted"].hosted]
    free = [
        (model, provider.id)
        for model in catalog.models
        for provider in catalog.providers.values()
        if provider.is_free(model)
    ]
    assert sorted(told) == sorted(free)
    assert ("gpt-oss-120b", "huggingface") in free


def test_a_run_names_weights_the_catalog_knows_and_an_engine_of_its_platform(catalog: Catalog) -> None:
    for measurements, run in runs(catalog):
        where = (measurements.id, run.model)
        assert run.weights in {weights.name for weights in catalog.models[run.model].weights}, where
        assert run.engine in catalog.platforms[measurements.platform].engines, where
        assert run.date <= measurements.sources[run.source].checked, where
        assert run.context is None or run.context <= catalog.models[run.model].architecture.context, where


def test_no_run_is_faster_than_its_memory(catalog: Catalog) -> None:
    """Each token reads every active parameter once, at 4 bits or more, from memory of a known rate."""
    measured = [(each, run) for each, run in runs(catalog) if run.decode]
    assert len(measured) > 10
    for measurements, run in measured:
        platform = catalog.platforms[measurements.platform]
        rate = platform.accelerator.bandwidth if platform.accelerator else 0.0
        read = catalog.models[run.model].active_parameters / 2
        assert run.decode is not None and run.decode * read < rate, (measurements.id, run.model)


def test_no_run_holds_more_than_its_machine(catalog: Catalog) -> None:
    for measurements, run in runs(catalog):
        platform = catalog.platforms[measurements.platform]
        assert platform.host is not None
        card = platform.accelerator
        own = card.memory_visible * card.count if card and not platform.unified else 0
        assert (run.resident_bytes or 0) <= platform.host.memory + own, (measurements.id, run.model)
