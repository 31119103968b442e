"""A number that is not known exactly, with the bounds it is believed to keep."""

from __future__ import annotations

from dataclasses import dataclass

from kanoa_mlops.catalog.types import Constant, Engine


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes, tokens a second or seconds: what is expected, and from where to where."""

    expected: float
    low: float
    high: float

    @staticmethod
    def exact(value: float) -> Estimate:
        return Estimate(value, value, value)

    @staticmethod
    def around(value: float, share: float) -> Estimate:
        """Give or take this share of it."""
        return Estimate(value, value * (1 - share), value * (1 + share))

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.expected + other.expected, self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> Estimate:
        return Estimate(self.expected * factor, self.low * factor, self.high * factor)


NOTHING = Estimate.exact(0)


def constant(engine: Engine, name: str) -> Estimate:
    """One of the engine's constants with its bounds, as the catalog gives it."""
    return of_constant(engine.constants[name])


def of_constant(fact: Constant) -> Estimate:
    low = fact.value if fact.low is None else fact.low
    high = fact.value if fact.high is None else fact.high
    return Estimate(fact.value, low, high)
