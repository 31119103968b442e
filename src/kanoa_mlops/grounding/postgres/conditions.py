"""Filters as SQL; what they compare with is sent apart from it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Value

_SIGNS = {"gt": sql.SQL(">"), "gte": sql.SQL(">="), "lt": sql.SQL("<"), "lte": sql.SQL("<=")}

Say = Callable[[object], sql.Placeholder]
"""Sends a value; gives where it stands."""
Place = Callable[[str, Say], sql.Composable]
"""Where an attribute of this name is: jsonb, NULL where there is none."""


@dataclass(frozen=True)
class Condition:
    """SQL, and the values of its named placeholders."""

    sql: sql.Composable
    values: dict[str, object]


def condition(given: Filter, place: Place) -> Condition:
    """True or false, never NULL, and true of the same rows that `Filter.passes` lets through.

    Raises:
        BadFilter: it compares with what Postgres cannot hold; or `place` knows none of that name.
    """
    return _Writer(place).write(given)


def in_column(column: sql.Composable) -> Place:
    """Of attributes that are together in a column of jsonb."""
    return lambda key, say: sql.SQL("({} -> {}::text)").format(column, say(key))


class _Writer:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._values: dict[str, object] = {}

    def write(self, given: Filter) -> Condition:
        return Condition(self._any(given), self._values)

    def _any(self, given: Filter) -> sql.Composable:
        if isinstance(given, Junction):
            each = [self._any(one) for one in given.filters]
            return sql.SQL("({})").format(sql.SQL(f" {given.operator.upper()} ").join(each))
        _writable(given.key, given.key)
        held = self._place(given.key, self._value)
        match given.operator:
            case "eq" | "in":
                return sql.SQL("COALESCE({} = ANY({}::jsonb[]), FALSE)").format(held, self._list(given))
            case "ne" | "nin":
                return sql.SQL("NOT COALESCE({} = ANY({}::jsonb[]), FALSE)").format(held, self._list(given))
        return self._in_order(given, held)

    def _in_order(self, given: Comparison, held: sql.Composable) -> sql.Composable:
        assert not isinstance(given.value, tuple)
        _json(given.value, given)
        # In a CASE, as the order in which AND looks at its sides is not certain, and a text is no number.
        if isinstance(given.value, str):
            kind, wanted = "string", sql.SQL("{}::text").format(self._value(given.value))
            comparable = sql.SQL("""(({} #>> '{{}}') COLLATE "C")""").format(held)
        else:
            kind, wanted = "number", sql.SQL("{}::numeric").format(self._value(repr(given.value)))
            comparable = sql.SQL("({} #>> '{{}}')::numeric").format(held)
        return sql.SQL("CASE WHEN jsonb_typeof({}) = {} THEN {} {} {} ELSE FALSE END").format(
            held, self._value(kind), comparable, _SIGNS[given.operator], wanted
        )

    def _list(self, given: Comparison) -> sql.Composable:
        return self._value([_json(value, given) for value in given.values])

    def _value(self, value: object) -> sql.Placeholder:
        name = f"filter_{len(self._values)}"
        self._values[name] = value
        return sql.Placeholder(name)


def _json(value: Value, given: Comparison) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadFilter(f"The filter {given.operator!r} on {given.key!r} compares with {value}: no number.")
    if isinstance(value, str):
        _writable(value, given.key)
    return json.dumps(value, ensure_ascii=False)


def _writable(text: str, key: str) -> None:
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadFilter(f"The filter on {key!r} holds letters that Postgres cannot: U+0000, or half a pair.")
