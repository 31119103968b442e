"""No part of a filter is left out: all of it is said, or it is refused. What is said means the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cel as cel_engine
import pytest
from haystack import Document
from haystack.utils.filters import document_matches_filter
from hypothesis import assume, given
from hypothesis import strategies as st
from odata_query import ast
from odata_query.grammar import ODataLexer, ODataParser

from kanoa_mlops.errors import BadFilter
from kanoa_mlops.grounding.connectors.cel import cel
from kanoa_mlops.grounding.connectors.haystack import haystack_filter
from kanoa_mlops.grounding.connectors.odata import odata
from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Operator

TRANSLATIONS: list[Callable[[Filter], Any]] = [cel, odata, haystack_filter]
ORDERED: list[Operator] = ["gt", "gte", "lt", "lte"]
ALIKE: list[Operator] = ["eq", "ne"]
SETS: list[Operator] = ["in", "nin"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=4)
NUMBERS = st.integers(-9, 9) | st.sampled_from([0.5, -2.25])
KINDS = {"year": NUMBERS, "size": NUMBERS, "title": TEXTS | st.sampled_from(["it's", "a'b''", '"', "\\"])}
DOCUMENTS = st.fixed_dictionaries(KINDS) | st.fixed_dictionaries({**KINDS, "draft": st.booleans()})


def junctions(leaves: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    return st.recursive(
        leaves,
        lambda inner: st.builds(
            Junction,
            st.sampled_from(["and", "or"]),
            st.lists(inner, min_size=1, max_size=3).map(tuple),
        ),
        max_leaves=6,
    )


def of(key: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Filter]:
    """A comparison of an attribute with values of its own kind."""
    return st.builds(Comparison, st.sampled_from([*ALIKE, *ORDERED]), st.just(key), values) | st.builds(
        Comparison, st.sampled_from(SETS), st.just(key), st.lists(values, max_size=3).map(tuple)
    )


ANY_VALUE = st.text(max_size=4) | st.integers() | st.floats() | st.booleans()
ANY_KEY = st.sampled_from(["year", "a_b", "or", "x y", "1st", "é", "a'b", "null"]) | st.text(
    min_size=1, max_size=5
)
ANYTHING = junctions(
    st.builds(Comparison, st.sampled_from([*ALIKE, *ORDERED]), ANY_KEY, ANY_VALUE)
    | st.builds(Comparison, st.sampled_from(SETS), ANY_KEY, st.lists(ANY_VALUE, max_size=3).map(tuple))
)
KNOWN = junctions(st.one_of(of("year", NUMBERS), of("size", NUMBERS), of("title", KINDS["title"])))


def leaves(filter: Filter) -> Iterator[Comparison]:
    if isinstance(filter, Comparison):
        yield filter
    else:
        for each in filter.filters:
            yield from leaves(each)


def said(translated: object) -> str:
    return translated if isinstance(translated, str) else repr(translated)


@pytest.mark.parametrize("translate", TRANSLATIONS)
@given(filter=ANYTHING)
def test_every_key_is_said_or_the_filter_is_refused(
    translate: Callable[[Filter], Any], filter: Filter
) -> None:
    try:
        text = said(translate(filter))
    except BadFilter:
        return
    keys = [leaf.key for leaf in leaves(filter)]
    for key in set(keys):
        written = repr(f"meta.{key}") if translate is haystack_filter else key
        assert text.count(written) >= keys.count(key)  # OData says some comparisons twice


@pytest.mark.parametrize("translate", [cel, odata])
@pytest.mark.parametrize("key", ["a b", "a == 1 or b", "a)", "a'b", "", "true", "null", "é", "a-b"])
def test_a_key_can_bring_nothing_in(translate: Callable[[Filter], str], key: str) -> None:
    with pytest.raises(BadFilter, match="no way to name"):
        translate(Comparison("eq", key, 1))


@pytest.mark.parametrize("translate", [cel, odata])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**63])
def test_a_number_that_is_none_there_is_refused(translate: Callable[[Filter], str], value: float) -> None:
    with pytest.raises(BadFilter, match="no such number"):
        translate(Comparison("in", "year", (1, value)))


@given(filter=KNOWN, document=DOCUMENTS)
def test_cel_means_the_same(filter: Filter, document: dict[str, Any]) -> None:
    assert cel_engine.evaluate(cel(filter), document) is filter.passes(document)


@given(filter=KNOWN, document=DOCUMENTS)
def test_odata_means_the_same(filter: Filter, document: dict[str, Any]) -> None:
    assert holds(parsed(odata(filter)), document) is filter.passes(document)


@given(filter=KNOWN)
def test_odata_means_the_same_of_documents_that_lack_what_is_asked_for(filter: Filter) -> None:
    assert holds(parsed(odata(filter)), {}) is filter.passes({})


@given(filter=KNOWN, document=DOCUMENTS)
def test_haystack_means_the_same(filter: Filter, document: dict[str, Any]) -> None:
    try:
        translated = haystack_filter(filter)
    except BadFilter:
        assume(False)
    assert document_matches_filter(translated, Document(meta=document)) is filter.passes(document)


def parsed(text: str) -> Any:
    return ODataParser().parse(ODataLexer().tokenize(text))


def holds(node: Any, document: Mapping[str, Any]) -> bool:
    """What OData says of it: a comparison with what is not there is false, but for `ne`."""
    match node:
        case ast.BoolOp(ast.And(), left, right):
            return holds(left, document) and holds(right, document)
        case ast.BoolOp(ast.Or(), left, right):
            return holds(left, document) or holds(right, document)
        case ast.UnaryOp(ast.Not(), operand):
            return not holds(operand, document)
        case ast.Compare(comparator, ast.Identifier(name), value):
            return compares(comparator, document.get(name), literal(value))
    raise AssertionError(f"not of our making: {node}")


def compares(comparator: Any, held: Any, wanted: Any) -> bool:
    if isinstance(comparator, ast.Eq | ast.NotEq):
        return (held == wanted) is isinstance(comparator, ast.Eq)
    if held is None:
        return False
    order = {ast.Gt: held > wanted, ast.GtE: held >= wanted, ast.Lt: held < wanted, ast.LtE: held <= wanted}
    return bool(order[type(comparator)])


def literal(node: Any) -> Any:
    if isinstance(node, ast.Null):
        return None
    if isinstance(node, ast.UnaryOp):
        return -literal(node.operand)
    if isinstance(node, ast.String):
        return node.val
    return float(node.val)
