"""What scientists write is found however they write it."""

# ruff: noqa: RUF001 - letters that look alike are what it is about

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.grounding.local.terms import counts


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("2.5e-3", "a drift of 2.5e-3 per hour"),
        ("0.0025", "a drift of 2.50E-03 per hour"),
        ("µm", "3 μm wide"),  # the sign of a millionth, and the Greek letter
        ("σ", "within 3σ"),
        ("Σ", "within 3 σ"),
        ("p<0.05", "significant (p < .05, that is p < 0.050)"),
        ("snake_case", "as snake_case is written"),
        ("snake case", "as snake_case is written"),
        ("snake_case", "as a snake in a case"),
        ("ToothGrowth", "the growth of a tooth"),
        ("Sepal.Length", "sepal length in cm"),
        ("numpy.linalg.norm", "the norm of numpy"),
        ("kWh/m²", "in kWh/m2"),
        ("kWh", "in kWh/m²"),
        ("10²", "10 ² is a hundred"),
        ("1,000", "1000 chunks"),
        ("1,234,567.5", "1234567.5"),
        ("v1.2.3", "since v1.2.3"),
        ("CO₂", "of CO2"),
        ("H2O", "h2o"),
        ("naïve", "the naive way"),
        ("Ångström", "angstrom"),
        ("STRASSE", "Straße"),
        ("ﬁgure", "figures"),
        ("Ｐｒｅｓｓｕｒｅ", "pressures"),
        ("oscillators", "it oscillates"),
        ("水", "水素の質量"),
        ("水素", "液体水素"),
        ("東京", "東京都に住む"),
        ("质量", "氢的质量是"),
        ("ความดัน", "ค่าความดันสูง"),
        ("질량", "수소의 질량은"),
        ("давление", "ДАВЛЕНИЕ"),
        ("दबाव", "उच्च दबाव"),
        ("ضغط", "ضَغْط"),
        ("٣", "3"),
    ],
)
def test_it_is_found(asked: str, written: str) -> None:
    assert counts(asked).keys() & counts(written).keys()


@pytest.mark.parametrize(
    ("asked", "written"),
    [("0.05", "0.5"), ("105", "10⁵"), ("1,5", "15"), ("2.5e-3", "2.5e3"), ("हिन्दी", "हो")],
)
def test_what_is_something_else_is_not_found(asked: str, written: str) -> None:
    assert not counts(asked).keys() & counts(written).keys()


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    assert all(0 <= term < 2**32 and times > 0 for term, times in counts(text).items())


@given(st.text(), st.text())
def test_texts_in_a_row_say_what_each_of_them_says(first: str, second: str) -> None:
    both, one, two = counts(f"{first}\n{second}"), counts(first), counts(second)
    assert both == {term: one.get(term, 0) + two.get(term, 0) for term in one | two}
