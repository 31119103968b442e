"""Marks as models write them, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.grounding.citing.markers import find_markers
from kanoa_mlops.grounding.citing.report import report

MARKS = [
    ("Drift [1].", ["[1]"], [(1,)]),
    ("Drift.[1]", ["[1]"], [(1,)]),
    ("Drift [12]", ["[12]"], [(12,)]),
    ("Drift [ 1 ].", ["[ 1 ]"], [(1,)]),
    ("Drift [doc1].", ["[doc1]"], [(1,)]),
    ("Drift [Doc 1].", ["[Doc 1]"], [(1,)]),
    ("Drift [doc-1] [doc_2]", ["[doc-1]", "[doc_2]"], [(1,), (2,)]),
    ("Drift [document 2].", ["[document 2]"], [(2,)]),
    ("Drift【1】.", ["【1】"], [(1,)]),
    ("Drift 【1†source】.", ["【1†source】"], [(1,)]),
    ("Drift \uff3b1\uff3d.", ["\uff3b1\uff3d"], [(1,)]),
    ("Drift [1†calibration.pdf].", ["[1†calibration.pdf]"], [(1,)]),
    ("Drift [1, 3].", ["[1, 3]"], [(1, 3)]),
    ("Drift [1,3].", ["[1,3]"], [(1, 3)]),
    ("Drift [1; 3].", ["[1; 3]"], [(1, 3)]),
    ("Drift [1 and 3].", ["[1 and 3]"], [(1, 3)]),
    ("Drift [1 & 3].", ["[1 & 3]"], [(1, 3)]),
    ("Drift [1 3].", ["[1 3]"], [(1, 3)]),
    ("Drift [1,].", ["[1,]"], [(1,)]),
    ("Drift [3, 1, 3].", ["[3, 1, 3]"], [(3, 1)]),
    ("Drift [1-3].", ["[1-3]"], [(1, 2, 3)]),
    ("Drift [1\u20133].", ["[1\u20133]"], [(1, 2, 3)]),
    ("Drift [1 to 3].", ["[1 to 3]"], [(1, 2, 3)]),
    ("Drift [1..3].", ["[1..3]"], [(1, 2, 3)]),
    ("Drift [1-2, 5].", ["[1-2, 5]"], [(1, 2, 5)]),
    ("Drift [3-1].", ["[3-1]"], [(3, 1)]),
    ("Drift [1-999].", ["[1-999]"], [(1, 999)]),
    ("Drift [^1].", ["[^1]"], [(1,)]),
    ("Drift [#1].", ["[#1]"], [(1,)]),
    ("Drift [source 1].", ["[source 1]"], [(1,)]),
    ("Drift [Source: 2].", ["[Source: 2]"], [(2,)]),
    ("Drift [Source 1, page 3].", ["[Source 1, page 3]"], [(1,)]),
    ("Drift [1, p. 3].", ["[1, p. 3]"], [(1,)]),
    ("Drift [1, pp. 3-5].", ["[1, pp. 3-5]"], [(1,)]),
    ("Drift [doc1, doc2].", ["[doc1, doc2]"], [(1, 2)]),
    ("Drift [passage 4].", ["[passage 4]"], [(4,)]),
    ("Drift [ref 1].", ["[ref 1]"], [(1,)]),
    ("Drift (source 1).", ["(source 1)"], [(1,)]),
    ("Drift (see source 2).", ["(see source 2)"], [(2,)]),
    ("Drift (sources 1, 2).", ["(sources 1, 2)"], [(1, 2)]),
    ("Drift (doc 1, doc 2).", ["(doc 1, doc 2)"], [(1, 2)]),
    ("Drift (passage 3, page 7).", ["(passage 3, page 7)"], [(3,)]),
    ("Drift [1][2].", ["[1]", "[2]"], [(1,), (2,)]),
    ("Drift [1] [2].", ["[1]", "[2]"], [(1,), (2,)]),
    ("Drift [[1]].", ["[1]"], [(1,)]),
    ("Drift **[1]**", ["[1]"], [(1,)]),
    ("Drift [1](http://evil.example)", ["[1]"], [(1,)]),
    ("Drift (0.85 m)[1].", ["[1]"], [(1,)]),
    ("85 %[1]", ["[1]"], [(1,)]),
    ("[1] says so", ["[1]"], [(1,)]),
    ("`x` [1]", ["[1]"], [(1,)]),
    ("```\nx = y[1]\n```\nSo it is [2].", ["[2]"], [(2,)]),
]
NONE = [
    "x[1]", "data[1]", "a[i][1]", "f(x)[1]", "a_[1]", "`y [1]`", "``y ` [1]``", "```\ny [1]\n```",
    "~~~py\n[1]\n~~~", "```\nnever closed [1]", "$$ y [1] $$", r"\[ y [1] \]", r"\[1]", "[0, 1]", "[0]",
    "[1.5]", "[1.5, 2]", "[1:3]", "[1/2]", "[-1]", "[2020]", "[1-2000]", "[x]", "[ ]", "[]", "[1", "1]",
    "(1)", "(1, 2)", "[a1]", "[1a]", "[one]", "[p. 3]", "[Fig. 1]", "[Table 2]", "(page 3)", "source 1",
    "【4:0†file】", "[1 m]", "[12:30]", "[1|2]", "{1}", "[calibration.pdf]", "x_{[1]}",
]  # fmt: skip


@pytest.mark.parametrize(("text", "marks", "numbers"), MARKS)
def test_a_mark_is_found(text: str, marks: list[str], numbers: list[tuple[int, ...]]) -> None:
    found = find_markers(text)
    assert [text[each.start : each.end] for each in found] == marks
    assert [each.numbers for each in found] == numbers


@pytest.mark.parametrize("text", NONE)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert find_markers(text) == ()
    assert find_markers(f"So\n{text}\nis it.") == ()


@given(st.text(alphabet="[]()【】`^#1203 -,;.docsurepageX\n$\\", max_size=60), st.integers(0, 5))
def test_a_citation_is_never_invented(text: str, count: int) -> None:
    """Whatever the answer: each place holds its number in its own digits, and is of a passage there is."""
    made = report(text, ["passage"] * count)
    for span in made.spans:
        assert 1 <= span.number <= count
        assert 0 <= span.start < span.end <= len(text)
        mark = text[span.start : span.end]
        assert mark[0] + mark[-1] in ("[]", "()", "【】", "[】", "【]")
        assert str(span.number) in mark or "-" in mark or ".." in mark or "to" in mark
    assert not set(made.unknown) & set(range(1, count + 1))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.text("abc ,.\n", max_size=10))
def test_every_plain_mark_is_found(numbers: list[int], words: str) -> None:
    text = "".join(f"{words} [{number}] " for number in numbers)
    assert [span.number for span in report(text, ["p"] * 5).spans] == numbers
