"""The limits the plans keep to, on the rows in the repository; and the document that shows them."""

from __future__ import annotations

from statistics import fmean

import pytest

from bench.fit.published import scored
from bench.fit.report import DOCUMENT, document, errors, wrong_verdicts
from bench.fit.table import RESULTS, read_rows
from kanoa_mlops.catalog.load import Catalog


@pytest.mark.parametrize(
    ("quantity", "mean", "worst"), [("weights", 0.01, 0.01), ("cache", 0.005, 0.005), ("total", 0.05, 0.10)]
)
def test_plans_are_as_near_to_llama_cpp_as_they_promise(
    catalog: Catalog, quantity: str, mean: float, worst: float
) -> None:
    rows = read_rows(RESULTS)
    found = [each for each in errors(catalog, rows) if each.quantity == quantity]
    assert len(found) == len(rows) > 300
    assert fmean(abs(each.share) for each in found) <= mean
    far = max(found, key=lambda each: abs(each.share))
    assert abs(far.share) <= worst, far


def test_no_published_no_is_called_a_fit_and_nearly_all_verdicts_are_right(catalog: Catalog) -> None:
    cases = [row for row, _ in scored(catalog) if row.measure == "starts"]
    wrong = wrong_verdicts(catalog)
    assert [row.case for row, says in wrong if says] == []
    assert len(cases) > 30
    assert len(wrong) <= 0.05 * len(cases), [row.case for row, _ in wrong]


def test_vllm_s_tokens_are_within_one_percent(catalog: Catalog) -> None:
    rows = [(row, ours) for row, ours in scored(catalog) if row.measure == "kv_tokens"]
    assert len(rows) >= 4
    for row, ours in rows:
        assert ours == pytest.approx(row.value, rel=0.01), row.case


def test_the_document_is_not_stale(catalog: Catalog) -> None:
    fresh = document(catalog, read_rows(RESULTS)) + "\n"
    assert DOCUMENT.read_text(encoding="utf-8") == fresh, "run `python -m bench.fit.report`"
