"""Which documents may answer, in OpenAI's words: comparisons of attributes, joined by and/or."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from kanoa_mlops.errors import BadFilter

Value = str | float | bool
"""Of an attribute. Whole numbers are numbers like any other."""
Attributes = Mapping[str, Value]

Operator = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
_OPERATORS: tuple[Operator, ...] = get_args(Operator)
_ORDERED = ("gt", "gte", "lt", "lte")
_SETS = ("in", "nin")
_VALUES = (str, int, float, bool)
_DEEPEST = 16


@dataclass(frozen=True)
class Comparison:
    """One attribute against a value, or for `in` and `nin` against several.

    A document that lacks the attribute passes only `ne` and `nin`. Values of another kind (text against a
    number) are unequal, and neither is before the other.
    """

    operator: Operator
    key: str
    value: Value | tuple[Value, ...]

    def passes(self, attributes: Attributes) -> bool:
        held = attributes.get(self.key)
        match self.operator:
            case "eq":
                return _same(held, self.value)
            case "ne":
                return not _same(held, self.value)
            case "in":
                return any(_same(held, each) for each in self.values)
            case "nin":
                return not any(_same(held, each) for each in self.values)
        if held is None or _kind(held) is not _kind(self.value):
            return False
        return _in_order(self.operator, held, self.value)

    @property
    def values(self) -> tuple[Value, ...]:
        return self.value if isinstance(self.value, tuple) else (self.value,)


@dataclass(frozen=True)
class Junction:
    """All of `filters`, or any."""

    operator: Literal["and", "or"]
    filters: tuple[Filter, ...]

    def passes(self, attributes: Attributes) -> bool:
        each = (one.passes(attributes) for one in self.filters)
        return all(each) if self.operator == "and" else any(each)


Filter = Comparison | Junction


def parse_filter(given: Mapping[str, Any]) -> Filter:
    """From OpenAI's JSON: {type, key, value}, or {type: and|or, filters}.

    Raises:
        BadFilter: it makes no sense; names what.
    """
    return _parse(given, 0)


def as_json(given: Filter) -> dict[str, Any]:
    """In OpenAI's JSON."""
    if isinstance(given, Junction):
        return {"type": given.operator, "filters": [as_json(each) for each in given.filters]}
    value = list(given.value) if isinstance(given.value, tuple) else given.value
    return {"type": given.operator, "key": given.key, "value": value}


def _parse(given: object, depth: int) -> Filter:
    if not isinstance(given, Mapping):
        raise BadFilter(f"A filter must be an object, not {given!r}.")
    if depth > _DEEPEST:
        raise BadFilter(f"A filter may be nested {_DEEPEST} deep at most.")
    operator = given.get("type")
    if operator in ("and", "or"):
        filters = given.get("filters")
        if not isinstance(filters, Sequence) or isinstance(filters, str) or not filters:
            raise BadFilter(f"A filter of type {operator!r} needs 'filters', a list of at least one.")
        return Junction(operator, tuple(_parse(each, depth + 1) for each in filters))
    if operator not in _OPERATORS:
        known = ", ".join((*_OPERATORS, "and", "or"))
        raise BadFilter(f"A filter's type must be one of {known}, not {operator!r}.")
    return _comparison(_OPERATORS[_OPERATORS.index(operator)], given.get("key"), given.get("value"))


def _comparison(operator: Operator, key: object, value: object) -> Comparison:
    if not isinstance(key, str) or not key:
        raise BadFilter(f"A filter of type {operator!r} needs 'key', the name of an attribute.")
    if operator in _SETS:
        if not isinstance(value, list) or not all(isinstance(each, _VALUES) for each in value):
            raise BadFilter(f"The filter {operator!r} on {key!r} needs a list of values.")
        return Comparison(operator, key, tuple(value))
    if not isinstance(value, _VALUES):
        raise BadFilter(f"The filter {operator!r} on {key!r} needs a text, a number, true or false.")
    if operator in _ORDERED and isinstance(value, bool):
        raise BadFilter(f"The filter {operator!r} on {key!r} needs a text or a number: true has no order.")
    return Comparison(operator, key, value)


def _same(held: Value | None, wanted: object) -> bool:
    return held is not None and _kind(held) is _kind(wanted) and held == wanted


def _in_order(operator: Operator, held: Any, wanted: Any) -> bool:
    match operator:
        case "gt":
            return bool(held > wanted)
        case "gte":
            return bool(held >= wanted)
        case "lt":
            return bool(held < wanted)
    return bool(held <= wanted)


def _kind(value: object) -> type:
    """True is no number here, though Python has it so."""
    if isinstance(value, bool):
        return bool
    return float if isinstance(value, int | float) else type(value)
