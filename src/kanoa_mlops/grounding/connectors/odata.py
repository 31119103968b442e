"""Filters in OData, as Azure AI Search reads it.

https://learn.microsoft.com/azure/search/search-query-odata-filter
"""

from __future__ import annotations

import math
import re

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Value

_OPERATORS = {"gt": "gt", "gte": "ge", "lt": "lt", "lte": "le"}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*")
_RESERVED = frozenset(
    [
        "and",
        "or",
        "not",
        "eq",
        "ne",
        "gt",
        "ge",
        "lt",
        "le",
        "true",
        "false",
        "null",
        "any",
        "all",
        "in",
        "INF",
        "NaN",
    ]
)
_INT64 = range(-(2**63), 2**63)


def odata(given: Filter) -> str:
    """
    Raises:
        BadFilter: an attribute's name is none of a field, or a number is none.
    """
    if isinstance(given, Junction):
        return f"({f' {given.operator} '.join(odata(each) for each in given.filters)})"
    key = _name(given.key)
    if given.operator in _OPERATORS:
        [value] = given.values
        return f"{key} {_OPERATORS[given.operator]} {_literal(value, given)}"
    same = [f"{key} eq {_literal(each, given)}" for each in given.values]
    if not same:
        # In none of none: no document; and not in none: every one.
        return f"({key} eq null {'and' if given.operator == 'in' else 'or'} {key} ne null)"
    if given.operator in ("eq", "in"):
        return f"({' or '.join(same)})"
    # Said of null too, so that it does not hang on what `not` makes of that.
    return f"({key} eq null or not ({' or '.join(same)}))"


def _name(key: str) -> str:
    if not _NAME.fullmatch(key) or not _RESERVED.isdisjoint(key.split("/")):
        raise BadFilter(
            f"OData has no way to name the attribute {key!r}: a letter, then letters, digits and _."
        )
    return key


def _literal(value: Value, given: Comparison) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if (isinstance(value, int) and value not in _INT64) or not math.isfinite(value):
        raise BadFilter(f"OData has no such number: {value} of {given.key!r}.")
    return repr(value)
