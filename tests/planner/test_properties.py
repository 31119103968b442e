"""What must hold for every model, whatever its numbers."""

from __future__ import annotations

import pytest

from kanoa_mlops.catalog.load import Catalog, load_catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.budget import Verdict
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from tests.planner.machines import GIB, desktop, processor

MODELS = list(load_catalog().models)
ORDER = (Verdict.FITS, Verdict.TIGHT, Verdict.OFFLOAD, Verdict.NO)


@pytest.mark.parametrize("name", MODELS)
def test_a_larger_card_never_makes_the_verdict_worse(catalog: Catalog, name: str) -> None:
    verdicts = []
    for size in (4, 6, 8, 12, 16, 24, 32, 48, 80, 141):
        verdicts.append(ORDER.index(plan(catalog.models[name], desktop(size * GIB), Wish(), catalog).verdict))
    assert verdicts == sorted(verdicts, reverse=True)


@pytest.mark.parametrize("name", MODELS)
def test_more_is_never_cheaper(catalog: Catalog, name: str) -> None:
    model = catalog.models[name]
    machine = processor(4096 * GIB)
    longest = model.architecture.context

    def need(**wish: int) -> float:
        asked = Wish(**{"context": longest // 2, "sequences": 2, **wish})  # type: ignore[arg-type]
        return plan(model, machine, asked, catalog).budget.need("device").expected

    try:
        middle = need()
    except DoesNotFit:
        pytest.fail(f"{name} cannot run on any processor")
    assert need(context=longest) >= middle
    assert need(sequences=4) >= middle
    assert need(cache_bits=8) <= middle


@pytest.mark.parametrize("name", MODELS)
def test_every_number_is_between_its_bounds(catalog: Catalog, name: str) -> None:
    for platform in catalog.platforms.values():
        if platform.host is None:
            continue
        try:
            made = plan(catalog.models[name], machine_of(platform), Wish(), catalog)
        except DoesNotFit as refused:
            assert refused.hint
            continue
        for line in made.budget.lines:
            assert 0 <= line.size.low <= line.size.expected <= line.size.high, (platform.id, line)
        for value in (made.speed.decode, made.speed.first_token):
            assert 0 < value.low <= value.expected <= value.high
        assert made.reasons
        if made.verdict is not Verdict.FITS:
            assert all(change.verdict in (Verdict.FITS, Verdict.TIGHT) for change in made.changes)
