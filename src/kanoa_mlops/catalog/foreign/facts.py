"""Facts of a GGUF header, by their names below an architecture's prefix."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from kanoa_mlops.catalog.foreign.expression import evaluate
from kanoa_mlops.catalog.foreign.gguf_header import GgufHeader, Value
from kanoa_mlops.catalog.foreign.refusal import refusal

_MOST = 2**48
_MOST_LAYERS = 2**12


class Facts:
    def __init__(self, header: GgufHeader, prefix: str, where: str, defaults: Mapping[str, Value]) -> None:
        """`defaults` are what the engine takes where the file says nothing."""
        self._metadata, self._prefix, self._defaults = header.metadata, prefix, defaults
        self.where = where

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def get(self, name: str) -> Value | None:
        return self._metadata.get(f"{self._prefix}.{name}", self._defaults.get(name))

    def number(self, name: str) -> Fraction:
        value = self.get(name)
        if value is None:
            raise refusal(self.where, f"{self._prefix}.{name} is missing")
        if not isinstance(value, int) or not 0 <= value <= _MOST:
            raise refusal(
                self.where, f"{self._prefix}.{name} should be a whole number, and is {_short(value)}"
            )
        return Fraction(value)

    def count(self, name: str) -> int:
        """A whole number above 0."""
        value = int(self.number(name))
        if value == 0:
            raise refusal(self.where, f"{self._prefix}.{name} is 0")
        return value

    def layers(self) -> int:
        """Each is looked at, so there must not be too many."""
        value = self.count("block_count")
        if value > _MOST_LAYERS:
            raise refusal(self.where, f"{self._prefix}.block_count is {value}, which no model has")
        return value

    def each_layer(self, name: str) -> tuple[int, ...]:
        """A number a layer; one number stands for all of them."""
        layers = self.layers()
        value = self.get(name)
        if not isinstance(value, tuple):
            return (self.count(name),) * layers
        if len(value) != layers or not all(isinstance(each, int) and 0 <= each <= _MOST for each in value):
            raise refusal(self.where, f"{self._prefix}.{name} should be {layers} whole numbers")
        return tuple(int(each) for each in value)

    def evaluate(self, expression: str) -> int:
        try:
            return evaluate(expression, self)
        except ValueError as error:
            raise refusal(self.where, f"its numbers do not go together: {error}") from error


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
