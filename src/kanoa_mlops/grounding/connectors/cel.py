"""Filters in CEL: https://github.com/google/cel-spec/blob/master/doc/langdef.md"""

from __future__ import annotations

import json
import math
import re

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Value

_OPERATORS = {"eq": "==", "ne": "!=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_INT64 = range(-(2**63), 2**63)


def cel(given: Filter) -> str:
    """
    Raises:
        BadFilter: an attribute's name is none in CEL, or a number is none.
    """
    if isinstance(given, Junction):
        joint = " && " if given.operator == "and" else " || "
        return f"({joint.join(cel(each) for each in given.filters)})"
    key = _name(given.key)
    if given.operator in ("in", "nin"):
        inside = f"{key} in [{', '.join(_literal(each, given) for each in given.values)}]"
        return inside if given.operator == "in" else f"!({inside})"
    [value] = given.values
    return f"{key} {_OPERATORS[given.operator]} {_literal(value, given)}"


def _name(key: str) -> str:
    if not _NAME.fullmatch(key) or key in _RESERVED:
        raise BadFilter(f"CEL has no way to name the attribute {key!r}: letters, digits and _ alone.")
    return key


def _literal(value: Value, given: Comparison) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # its escapes are CEL's
    if (isinstance(value, int) and value not in _INT64) or not math.isfinite(value):
        raise BadFilter(f"CEL has no such number: {value} of {given.key!r}.")
    return repr(value)
