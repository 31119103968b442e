"""Filters as Haystack writes them: https://docs.haystack.deepset.ai/docs/metadata-filtering"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.filters import Comparison, Filter, Junction

_OPERATORS = {
    "eq": "==",
    "ne": "!=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "in": "in",
    "nin": "not in",
}


def haystack_filter(given: Filter) -> dict[str, Any]:
    """
    Raises:
        BadFilter: it orders texts, which Haystack does with dates alone.
    """
    if isinstance(given, Junction):
        return {
            "operator": given.operator.upper(),
            "conditions": [haystack_filter(each) for each in given.filters],
        }
    return _comparison(given)


def _comparison(given: Comparison) -> dict[str, Any]:
    if given.operator in ("gt", "gte", "lt", "lte") and not _has_order(given.value):
        raise BadFilter(f"Haystack orders numbers and ISO dates alone, not {given.value!r} of {given.key!r}.")
    value = list(given.values) if given.operator in ("in", "nin") else given.value
    return {"field": f"meta.{given.key}", "operator": _OPERATORS[given.operator], "value": value}


def _has_order(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True
