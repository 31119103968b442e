"""Filters mean what OpenAI's mean, and what makes no sense is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.filters import as_json, parse_filter

PAPER: dict[str, str | float | bool] = {"year": 2026, "title": "drift", "draft": False, "score": 1.0}


def passes(type: str, key: str, value: Any) -> bool:
    return parse_filter({"type": type, "key": key, "value": value}).passes(PAPER)


@pytest.mark.parametrize(
    ("type", "key", "value", "outcome"),
    [
        ("eq", "year", 2026, True),
        ("eq", "year", 2026.0, True),
        ("eq", "year", "2026", False),
        ("eq", "score", True, False),
        ("eq", "draft", False, True),
        ("eq", "draft", 0, False),
        ("eq", "nothing", "", False),
        ("ne", "year", 2025, True),
        ("ne", "nothing", 1, True),
        ("gt", "year", 2025, True),
        ("gt", "year", 2026, False),
        ("gte", "year", 2026, True),
        ("lt", "title", "e", True),
        ("lt", "title", 9, False),
        ("lte", "year", 2025.5, False),
        ("gt", "draft", 0, False),
        ("gt", "nothing", 0, False),
        ("in", "year", [2025, 2026], True),
        ("in", "year", [], False),
        ("nin", "year", [2025], True),
        ("nin", "nothing", ["a"], True),
    ],
)
def test_a_comparison(type: str, key: str, value: Any, outcome: bool) -> None:
    assert passes(type, key, value) is outcome


def test_all_of_and_any_of() -> None:
    new = {"type": "gt", "key": "year", "value": 2025}
    old = {"type": "lt", "key": "year", "value": 2000}
    assert parse_filter({"type": "or", "filters": [old, new]}).passes(PAPER)
    assert not parse_filter({"type": "and", "filters": [old, new]}).passes(PAPER)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "must be an object"),
        ({"type": "like", "key": "a", "value": "b"}, "must be one of eq, ne"),
        ({"type": ["eq"], "key": "a", "value": "b"}, "must be one of"),
        ({"type": "eq", "value": "b"}, "needs 'key'"),
        ({"type": "eq", "key": "a"}, "needs a text, a number"),
        ({"type": "eq", "key": "a", "value": ["b"]}, "needs a text, a number"),
        ({"type": "gt", "key": "a", "value": True}, "true has no order"),
        ({"type": "in", "key": "a", "value": "b"}, "needs a list"),
        ({"type": "in", "key": "a", "value": [None]}, "needs a list"),
        ({"type": "and", "filters": []}, "at least one"),
        ({"type": "or"}, "at least one"),
    ],
)
def test_what_makes_no_sense(given: Any, words: str) -> None:
    with pytest.raises(BadFilter, match=words):
        parse_filter(given)


def test_nested_without_end() -> None:
    given: dict[str, Any] = {"type": "eq", "key": "a", "value": 1}
    for _ in range(40):
        given = {"type": "and", "filters": [given]}
    with pytest.raises(BadFilter, match="16 deep"):
        parse_filter(given)


values = st.one_of(st.text(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.booleans())
comparisons = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["eq", "ne"]), "key": st.text(min_size=1), "value": values}
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["in", "nin"]), "key": st.text(min_size=1), "value": st.lists(values)}
    ),
)
filters = st.recursive(
    comparisons,
    lambda each: st.fixed_dictionaries(
        {"type": st.sampled_from(["and", "or"]), "filters": st.lists(each, min_size=1, max_size=3)}
    ),
    max_leaves=6,
)


@given(filters)
def test_there_and_back(given: dict[str, Any]) -> None:
    there = as_json(parse_filter(given))
    assert json.dumps(there, sort_keys=True) == json.dumps(given, sort_keys=True)


@given(filters, st.dictionaries(st.text(max_size=2), values))
def test_what_is_not_equal_is_unequal(given: dict[str, Any], attributes: dict[str, Any]) -> None:
    opposite = {"eq": "ne", "ne": "eq", "in": "nin", "nin": "in"}
    if other := opposite.get(given["type"]):
        turned = parse_filter(given | {"type": other})
        assert turned.passes(attributes) is not parse_filter(given).passes(attributes)
