"""Other tools' formulas, held to numbers worked out by hand from their descriptions."""

from __future__ import annotations

import pytest

from bench.fit.others import FORMULAS, nominal, says_it_fits
from bench.fit.published import Published, published
from kanoa_mlops.catalog.load import Catalog

GIB, GB = 2**30, 10**9


@pytest.fixture
def row() -> Published:
    """Qwen3-VL 8B in 16 bits with 16384 tokens on an L4."""
    return next(each for each in published() if each.case == "qwen3-vl-8b-l4-90")


def test_each_asks_for_what_its_description_says(catalog: Catalog, row: Published) -> None:
    parameters = catalog.models[row.model].architecture.parameters
    weights, cache = 2.0 * parameters, 147_456 * 16384
    expected = {
        "weights only": weights,
        "recipes x 1.2": 1.2 * weights,
        "GPUStack": 1.2 * weights + 2 * GIB,
        "llmfit": weights + cache + GB / 2,
        "whichllm": weights + parameters / 1e9 * 16 * 2**19 + GB + 0.08 * parameters,
        "FitLLM": 1.12 * weights + 1.15 * cache + 0.00003 * 16384 * GIB + 0.6 * GIB,
    }
    assert {name: formula(row, catalog) for name, formula in FORMULAS.items()} == pytest.approx(expected)


def test_they_compare_with_the_number_on_the_box(catalog: Catalog, row: Published) -> None:
    assert nominal(22.03 * GIB) == 24 * GIB
    # The weights alone fit the box; the engine's share of what it sees does not hold the cache as well.
    assert says_it_fits(FORMULAS["weights only"], row, catalog)
    assert row.value == 0
