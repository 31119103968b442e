"""Dollars, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.gateway.books.money import MICRO, cost, format_dollars, parse_micro


@pytest.mark.parametrize(
    ("text", "micro"),
    [("2.50", 2_500_000), ("$2", 2 * MICRO), (" 0 ", 0), ("0.000001", 1), ("1e3", 1000 * MICRO)],
)
def test_read(text: str, micro: int) -> None:
    assert parse_micro(text) == micro


@pytest.mark.parametrize(
    "text", ["", "-1", "two", "0.0000001", "nan", "Infinity", "1,50", "1e999999", "1e12", "2 EUR"]
)
def test_what_is_no_sum_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a sum of dollars; write it as in '2\.50'"):
        parse_micro(text)


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000001"),
        (99, "$0.000099"),
        (4_200, "$0.0042"),
        (99_999, "$0.1000"),
        (100_000, "$0.10"),
        (2_500_000, "$2.50"),
        (1_234_567_890_000, "$1,234,567.89"),
        (-2_500_000, "$-2.50"),
    ],
)
def test_written(micro: int, text: str) -> None:
    assert format_dollars(micro) == text


@given(st.integers(min_value=0, max_value=10**15))
def test_what_is_read_is_what_was_meant(micro: int) -> None:
    assert parse_micro(f"{Decimal(micro) / MICRO:f}") == micro


def test_a_price_is_rounded_up_once() -> None:
    prices = {"prompt_price": Decimal("0.15"), "completion_price": Decimal("0.60")}
    assert cost(1_000_000, 0, **prices) == 150_000
    assert cost(0, 1_000_000, **prices) == 600_000
    assert cost(1, 0, **prices) == 1
    assert cost(1, 1, **prices) == 1, "0.75 is rounded once, not each part"
    assert cost(0, 0, **prices) == 0
