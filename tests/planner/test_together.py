"""Models side by side, on memory that is theirs or shared."""

from __future__ import annotations

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import EngineId
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.together import fits_together
from kanoa_mlops.planner.wish import Wish


def planned(catalog: Catalog, model: str, platform: str, engine: EngineId, context: int = 4096) -> Plan:
    machine = machine_of(catalog.platforms[platform])
    return plan(catalog.models[model], machine, Wish(engine=engine, context=context, sequences=1), catalog)


def test_none_fit_always_and_one_as_its_plan_says(catalog: Catalog) -> None:
    fits = planned(catalog, "gemma-3-4b-it", "rtx-3060-12", "llama.cpp")
    assert fits.fits
    assert fits_together([])
    assert fits_together([fits])
    assert not fits_together([planned(catalog, "gpt-oss-120b", "cpu-16", "llama.cpp")])


def test_a_card_holds_two_small_ones_and_not_two_large_ones(catalog: Catalog) -> None:
    small = planned(catalog, "gemma-3-4b-it", "rtx-3060-12", "llama.cpp")
    smaller = planned(catalog, "qwen3-vl-2b-instruct", "rtx-3060-12", "llama.cpp")
    large = planned(catalog, "gemma-3-12b-it", "rtx-3060-12", "llama.cpp")
    assert small.fits and smaller.fits and large.fits
    assert fits_together([small, smaller])
    assert not fits_together([small, large])


def test_vllm_takes_its_whole_share(catalog: Catalog) -> None:
    paged = planned(catalog, "gemma-3-4b-it", "rtx-4090", "vllm")
    small = planned(catalog, "qwen3-vl-2b-instruct", "rtx-4090", "llama.cpp")
    assert paged.fits and small.fits
    assert not fits_together([paged, small])


def test_card_and_machine_are_two_memories_unless_they_are_one(catalog: Catalog) -> None:
    card = planned(catalog, "gemma-3-12b-it", "rtx-4090", "llama.cpp")
    machine = machine_of(catalog.platforms["rtx-4090"]).without_accelerators()
    beside = plan(catalog.models["gemma-3-12b-it"], machine, Wish(engine="llama.cpp", context=4096), catalog)
    assert beside.place == "cpu"
    assert fits_together([card, beside])
    unified = planned(catalog, "gemma-3-12b-it", "mac-m4-24", "llama.cpp")
    assert unified.place == "unified" and unified.fits
    assert not fits_together([unified, unified])
