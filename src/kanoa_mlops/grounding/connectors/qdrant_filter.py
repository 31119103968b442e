"""Filters as Qdrant has them: https://qdrant.tech/documentation/concepts/filtering/"""

from __future__ import annotations

import math
from typing import Any

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Value

_EXACT = 2**53
"""Qdrant compares numbers as floats, in which larger ones run together."""


def qdrant_filter(given: Filter, within: str | None = None) -> dict[str, Any]:
    """
    A field that holds a list passes where one of the list would: Qdrant knows no other way.

    Args:
        within: field of the payload that holds the attributes; None where they are the payload itself.

    Raises:
        BadFilter: it orders texts, compares huge numbers, or names a field with a quotation mark.
    """
    if isinstance(given, Junction):
        each = [qdrant_filter(one, within) for one in given.filters]
        return {"must" if given.operator == "and" else "should": each}
    path = _path(given.key) if within is None else f"{_path(within)}.{_path(given.key)}"
    match given.operator:
        case "eq" | "in":
            return _any_of(path, given)
        case "ne" | "nin":
            return {"must_not": [_any_of(path, given)]}
    return {"must": [{"key": path, "range": {given.operator: _ordered(given)}}]}


def _any_of(path: str, given: Comparison) -> dict[str, Any]:
    conditions = [_same(path, value, given) for value in given.values]
    # To Qdrant a choice among nothing is no condition at all.
    return {"should": conditions} if conditions else _never(path)


def _never(path: str) -> dict[str, Any]:
    said = {"key": path, "match": {"value": ""}}
    return {"must": [said], "must_not": [said]}


def _same(path: str, value: Value, given: Comparison) -> dict[str, Any]:
    if isinstance(value, str | bool):
        return {"key": path, "match": {"value": value}}
    # A match tells 1 from 1.0, and takes no fractions.
    number = _number(value, given)
    return {"key": path, "range": {"gte": number, "lte": number}}


def _ordered(given: Comparison) -> float:
    if isinstance(given.value, int | float) and not isinstance(given.value, bool):
        return _number(given.value, given)
    raise BadFilter(f"Qdrant orders numbers alone, not {given.value!r} of {given.key!r}.")


def _number(value: float, given: Comparison) -> float:
    if not math.isfinite(value) or (isinstance(value, int) and abs(value) > _EXACT):
        raise BadFilter(f"Qdrant cannot compare {given.key!r} with {value} exactly.")
    return value


def _path(key: str) -> str:
    if '"' in key or "\\" in key:
        raise BadFilter(f"Qdrant has no way to name the field {key!r}.")
    return f'"{key}"'
