"""Filters as Chroma has them: https://docs.trychroma.com/docs/querying-collections/metadata-filtering"""

from __future__ import annotations

import math
from typing import Any

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Value

_LARGEST = 2**53
"""Whole numbers above are not all floats, as which they are compared with fractions."""


def chroma_filter(given: Filter) -> dict[str, Any]:
    """
    Raises:
        BadFilter: it orders texts, or names a field as Chroma names what is its own.
    """
    if isinstance(given, Junction):
        return {f"${given.operator}": [chroma_filter(each) for each in given.filters]}
    if given.key.startswith(("$", "#", "chroma:")):
        raise BadFilter(f"Chroma has no way to name the field {given.key!r}.")
    for value in given.values:
        _check(value, given)
    match given.operator:
        case "in":
            return _any_of(given)
        case "nin":
            # Each for itself, as a list is of one kind.
            return {
                "$and": [_compared(given.key, "ne", value) for value in given.values] or [_always(given.key)]
            }
        case "eq" | "ne":
            return _compared(given.key, given.operator, given.value)
    if isinstance(given.value, str):
        raise BadFilter(f"Chroma orders numbers alone, not {given.value!r} of {given.key!r}.")
    return _compared(given.key, given.operator, given.value)


def _any_of(given: Comparison) -> dict[str, Any]:
    return {"$or": [_compared(given.key, "eq", value) for value in given.values] or [_never(given.key)]}


def _compared(key: str, operator: str, value: object) -> dict[str, Any]:
    """Chroma 1.5 cuts a fraction off before it compares it with a whole number: 0 is equal to 0.1."""
    said = _said(key, f"${operator}", value)
    if not isinstance(value, float) or value.is_integer():
        return said
    cut = int(value)
    if operator in ("eq", "gte" if value > 0 else "lte"):
        return {"$and": [said, _said(key, "$ne", cut)]}
    if operator in ("ne", "lt" if value > 0 else "gt"):
        return {"$or": [said, _said(key, "$eq", cut)]}
    return said


def _said(key: str, operator: str, value: object) -> dict[str, Any]:
    return {key: {operator: value}}


def _never(key: str) -> dict[str, Any]:
    return {"$and": [_said(key, "$eq", ""), _said(key, "$ne", "")]}


def _always(key: str) -> dict[str, Any]:
    return {"$or": [_said(key, "$eq", ""), _said(key, "$ne", "")]}


def _check(value: Value, given: Comparison) -> None:
    if isinstance(value, int | float) and not (math.isfinite(value) and abs(value) <= _LARGEST):
        raise BadFilter(f"Chroma cannot compare {given.key!r} with {value} exactly.")
