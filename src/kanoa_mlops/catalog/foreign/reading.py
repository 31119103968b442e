"""A configuration, or a part of it, read as its class would read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from kanoa_mlops.catalog.foreign.expression import evaluate
from kanoa_mlops.catalog.foreign.family import Kind
from kanoa_mlops.catalog.foreign.refusal import refusal
from kanoa_mlops.catalog.foreign.telling import telling

_USUAL_KEYS = {
    "layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "feed_forward_size": "intermediate_size",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "vocabulary": "vocab_size",
    "context": "max_position_embeddings",
    "window": "sliding_window",
    "tied": "tie_word_embeddings",
}
# What classes make of a null, whichever they are.
_OF_NULL = {"kv_heads": "=heads", "head_dim": "=hidden_size//heads"}
_MOST = 2**48
"""No number of a model is larger; beyond it, a file is broken or means harm."""
_MOST_LAYERS = 2**12


class Reading:
    """Numbers by our noun or by the configuration's own key; those left out, as the class fills them in."""

    def __init__(self, values: Mapping[str, Any], kind: Kind, where: str) -> None:
        """`where` names the part for people.

        Raises:
            UnknownArchitecture: it holds what the family's shapes do not fit.
        """
        self.where = where
        self._values = values
        self._keys = _USUAL_KEYS | kind.keys
        self._defaults = kind.defaults
        self._words = kind.words
        self._check(kind)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def get(self, name: str) -> Any:
        """The value; None where there is none."""
        key = self._keys.get(name, name)
        if key.startswith("="):
            return self.evaluate(key[1:])
        if self._values.get(key) is not None:
            return self._values[key]
        default = None if key in self._values else self._defaults.get(key)
        if default is None:
            default = _OF_NULL.get(name)
        return self._derive(default, name) if isinstance(default, str) and default[0] == "=" else default

    def number(self, name: str) -> Fraction:
        if name.startswith("#"):
            value = self.get(name[1:])
            value = len(value) if isinstance(value, Sequence) and not isinstance(value, str) else 1
        else:
            value = self.get(name)
        if isinstance(value, list) and value and all(each == value[0] for each in value):
            value = value[0]  # both sides of a square
        if isinstance(value, str):
            value = self._words.get(name, {}).get(value, value)
        if value is None:
            raise refusal(self.where, f"{self._key(name)} is missing")
        if not isinstance(value, int | float) or not 0 <= value <= _MOST:
            raise refusal(self.where, f"{self._key(name)} should be a number, and is {_short(value)}")
        return Fraction(str(value)) if isinstance(value, float) else Fraction(value)

    def count(self, name: str) -> int:
        """A whole number above 0."""
        value = self.number(name)
        if value.denominator != 1 or value < 1:
            raise refusal(self.where, f"{self._key(name)} should be a whole number, and is {_short(value)}")
        return int(value)

    def layers(self, name: str = "layers") -> int:
        """A number of layers: each is looked at, so there must not be too many."""
        value = self.count(name)
        if value > _MOST_LAYERS:
            raise refusal(self.where, f"{self._key(name)} is {value}, which no model has")
        return value

    def layer_numbers(self, name: str) -> list[int]:
        """Distinct numbers of layers; none where there is no such list."""
        value, layers = self.get(name) or [], self.layers()
        if not isinstance(value, list) or not all(
            isinstance(each, int) and 0 <= each < layers for each in value
        ):
            raise refusal(self.where, f"{self._key(name)} should list layers, and is {_short(value)}")
        return sorted(set(value))

    def flag(self, name: str) -> bool:
        value = self.get(name)
        if value not in (None, True, False):
            raise refusal(self.where, f"{self._key(name)} should be true or false, and is {_short(value)}")
        return bool(value)

    def evaluate(self, *expressions: str) -> int:
        """Their sum."""
        try:
            return sum(evaluate(expression, self) for expression in expressions)
        except ValueError as error:
            raise refusal(self.where, f"its numbers do not go together: {error}") from error

    def _derive(self, value: str, name: str) -> int:
        if name == "head_dim" and self.count("hidden_size") % self.count("heads"):
            raise refusal(
                self.where,
                f"{self._key('head_dim')} is missing, and {self._key('hidden_size')} is no multiple of "
                f"{self._key('heads')}",
            )
        return self.evaluate(value[1:])

    def _key(self, name: str) -> str:
        return self._keys.get(name, name).lstrip("=#")

    def _check(self, kind: Kind) -> None:
        for key, known in kind.understood.items():
            if key in self._values and self._values[key] not in known:
                raise refusal(
                    self.where, f"{key} is {_short(self._values[key])}, which is not understood here"
                )
        if said := telling(self._values, {*self._keys.values(), *kind.understood, *kind.defaults}):
            raise refusal(self.where, f"{said}; models of this type have none such, so it is another")


def _short(value: object) -> str:
    text = str(value) if isinstance(value, Fraction) else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
