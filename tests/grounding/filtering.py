"""Attributes and filters of all kinds, for the law that a store lets through what `Filter.passes` does."""

from __future__ import annotations

from hypothesis import strategies as st

from kanoa_mlops.grounding.filters import Comparison, Filter, Junction, Value

KEYS = ("year", "ratio", "is_draft", "author")
_TEXTS = st.sampled_from(
    [
        "",
        "1",
        "true",
        "a",
        "B",
        "ä",
        "\uff41",
        "\U0001d538",
        "\uffff",
        "x'); DROP TABLE archive; --",
        '"',
        "\\",
        "%s",
    ]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=4)
_NUMBERS = (
    st.sampled_from([0, 1, 1.0, 0.1, 0.5, -0.0, 2, 2026])
    | st.integers(-(2**53), 2**53)
    | st.floats(-(2.0**53), 2.0**53, allow_subnormal=False)
)
VALUES: st.SearchStrategy[Value] = st.one_of(st.booleans(), _NUMBERS, _TEXTS)


def attributes(
    values: st.SearchStrategy[Value] = VALUES, keys: tuple[str, ...] = KEYS
) -> st.SearchStrategy[dict[str, Value]]:
    return st.dictionaries(st.sampled_from(keys), values, max_size=len(keys))


def filters(
    values: st.SearchStrategy[Value] = VALUES, keys: tuple[str, ...] = KEYS
) -> st.SearchStrategy[Filter]:
    key = st.sampled_from(keys)
    ordered = values.filter(lambda value: not isinstance(value, bool))
    comparisons = st.one_of(
        st.builds(Comparison, st.sampled_from(["eq", "ne"]), key, values),
        st.builds(Comparison, st.sampled_from(["gt", "gte", "lt", "lte"]), key, ordered),
        st.builds(Comparison, st.sampled_from(["in", "nin"]), key, st.lists(values, max_size=3).map(tuple)),
    )
    return st.recursive(
        comparisons,
        lambda inner: st.builds(
            Junction, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3).map(tuple)
        ),
        max_leaves=6,
    )
