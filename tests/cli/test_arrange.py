"""Several models on one machine: beside one another, or by turns."""

from __future__ import annotations

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.cli.arrange import Arrangement, arrange
from kanoa_mlops.cli.request import Request
from kanoa_mlops.engines.usual import with_usual_software
from kanoa_mlops.planner.together import fits_together
from kanoa_mlops.planner.wish import Wish

GIB = 2**30


def arranged(
    catalog: Catalog,
    platform: str,
    *models: str,
    wish: Wish | None = None,
    memory: int | None = None,
    pinned: tuple[str, ...] = (),
    idle_seconds: float | None = None,
) -> Arrangement:
    request = Request(
        models=tuple(catalog.models[each] for each in models),
        wish=wish or Wish(),
        host="127.0.0.1",
        port=8000,
        memory=memory,
        pinned=pinned,
        idle_seconds=idle_seconds,
    )
    return arrange(request, with_usual_software(machine_of(catalog.platforms[platform])), catalog)


PAIR = ("qwen3-vl-4b-instruct", "gemma-3-4b-it")


@pytest.mark.parametrize("engine", ["vllm", "llama.cpp"])
def test_two_small_ones_share_a_large_card(catalog: Catalog, engine: str) -> None:
    made = arranged(catalog, "rtx-4090", *PAIR, wish=Wish(engine=engine))  # type: ignore[arg-type]
    plans = [each.plan for each in made.choices]
    assert not made.by_turns
    assert [plan.model for plan in plans] == list(PAIR)
    assert all(plan.fits and plan.place == "gpu" and plan.engine == engine for plan in plans)
    card = catalog.platforms["rtx-4090"]
    total = machine_of(card).accelerators[0].memory_total
    # vLLM takes its share of the card whole, whatever it needs of it.
    assert sum(plan.utilization for plan in plans) <= 1
    assert sum(plan.budget.need("device").expected for plan in plans) < total


def test_two_that_each_need_the_card_take_turns_on_it(catalog: Catalog) -> None:
    made = arranged(catalog, "rtx-4090", "gemma-3-27b-it", "gpt-oss-20b")
    assert made.by_turns
    plans = [each.plan for each in made.choices]
    assert all(plan.fits and plan.place == "gpu" for plan in plans)
    assert not fits_together(plans)


def test_a_limit_by_hand_makes_them_take_turns(catalog: Catalog) -> None:
    small = ("smollm2-135m-instruct", "gemma-3-270m")
    wish = Wish(context=2048, sequences=1)
    assert not arranged(catalog, "cpu-16", *small, wish=wish).by_turns
    made = arranged(catalog, "cpu-16", *small, wish=wish, memory=900 * 2**20)
    assert made.by_turns
    assert all(each.plan.fits for each in made.choices)


def test_one_that_is_pinned_leaves_the_others_less(catalog: Catalog) -> None:
    models = ("gemma-3-270m", "gemma-3-12b-it", "gpt-oss-20b")
    made = arranged(catalog, "rtx-4080-16", *models, pinned=models[:1])
    assert made.by_turns
    pinned, *others = (each.plan for each in made.choices)
    assert all(fits_together([pinned, other]) for other in others)
    assert not fits_together(others)


def test_one_alone_takes_turns_with_nobody_unless_it_is_to_idle(catalog: Catalog) -> None:
    assert not arranged(catalog, "cpu-16", "gemma-3-270m").by_turns
    assert arranged(catalog, "cpu-16", "gemma-3-270m", idle_seconds=60).by_turns
