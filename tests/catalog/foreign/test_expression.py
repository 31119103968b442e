from __future__ import annotations

from fractions import Fraction

import pytest

from kanoa_mlops.catalog.foreign.expression import evaluate


class Named(dict[str, Fraction | int | float]):
    def number(self, name: str) -> Fraction:
        return Fraction(str(self[name]))


NUMBERS = Named({"hidden": 576, "heads": 9, "bias": 0, "ratio": 0.5, "image": 384, "patch": 14, "#list": 3})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("hidden", 576),
        ("2 hidden heads + hidden", 2 * 576 * 9 + 576),
        ("bias 1000 + 1", 1),
        ("image//patch image//patch", 27 * 27),
        ("image//patch//2", 13),
        ("image ratio", 192),
        ("1//ratio 1//ratio", 4),
        ("#list 10", 30),
        ("absent|hidden", 576),
        ("hidden|heads", 576),
        ("42", 42),
    ],
)
def test_sums_of_products(expression: str, value: int) -> None:
    assert evaluate(expression, NUMBERS) == value


@pytest.mark.parametrize("expression", ["patch ratio ratio", "hidden//bias"])
def test_what_is_no_whole_number(expression: str) -> None:
    with pytest.raises(ValueError, match=r"no whole number|is 0"):
        evaluate(expression, NUMBERS)


def test_a_name_that_stands_for_nothing() -> None:
    with pytest.raises(KeyError, match="absent"):
        evaluate("2 absent", NUMBERS)
