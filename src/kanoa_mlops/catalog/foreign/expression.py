"""Sums of products over a model's numbers, as the tables of families write tensor shapes.

    2 hidden_size kv_heads head_dim + hidden_size

Factors are separated by spaces and terms by '+'. A factor is a number, a name, the length of a list
(`#layer_types`), the first of several names that is there (`a|b`), or a quotient rounded down
(`image_size//patch_size`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol


class Numbers(Protocol):
    """What names stand for."""

    def __contains__(self, name: object, /) -> bool: ...
    def number(self, name: str) -> Fraction:
        """Truth counts as 1.

        Raises:
            UnknownArchitecture: there is no such number.
        """


def evaluate(expression: str, numbers: Numbers) -> int:
    """
    Raises:
        UnknownArchitecture: a name in it stands for nothing.
        ValueError: what comes out is no whole number.
    """
    total = sum((_term(term, numbers) for term in expression.split("+")), Fraction(0))
    if total.denominator != 1:
        raise ValueError(f"{expression} gives {float(total)}, which is no whole number")
    return int(total)


def _term(term: str, numbers: Numbers) -> Fraction:
    product = Fraction(1)
    for factor in term.split():
        first, *divisors = factor.split("//")
        value = _atom(first, numbers)
        for divisor in divisors:
            by = _atom(divisor, numbers)
            if by == 0:
                raise ValueError(f"{divisor} is 0")
            value = Fraction(value // by)
        product *= value
    return product


def _atom(text: str, numbers: Numbers) -> Fraction:
    names = text.split("|")
    name = next((each for each in names if each in numbers), names[-1])
    return Fraction(name) if name[0].isdigit() else numbers.number(name)
