"""Tables for people, from which names are copied."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from kanoa_mlops.cli.table import print_table

NAME, LIMITS = "qwen/qwen3-vl-30b-a3b-instruct", "20 req/min, 1,000 req/day"


def printed(columns: list[str], rows: list[list[str]], width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_table(console, columns, rows, right=["$"], yielding="LIMITS")
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_what_gives_way_folds_between_words_where_there_is_room() -> None:
    lines = printed(["NAME", "$", "LIMITS"], [[NAME, "0.14", LIMITS], ["short", "1", ""]], 52)
    assert lines[3:6] == [
        f" {NAME}  0.14  20 req/min,",
        f"{'1,000':>44}",
        f"{'req/day':>46}",
    ]


@pytest.mark.parametrize("width", [45, 40, 30])
def test_it_goes_beneath_where_there_is_none(width: int) -> None:
    """Where even the names have none, they stand whole nevertheless."""
    lines = printed(["NAME", "LIMITS", "$"], [[NAME, LIMITS, "0.14"], ["short", "", "1"]], width)
    assert [line for line in lines if "─" not in line] == [
        "",
        f" {'NAME':30}     $",
        "   LIMITS",
        f" {NAME}  0.14",
        f"   {LIMITS}",
        f" {'short':30}     1",
        "",
    ]


CELL = st.text("ab -/漢", max_size=20).map(str.strip)


@given(st.lists(st.tuples(CELL, CELL, CELL).map(list), max_size=4), st.integers(20, 60))
def test_nothing_is_lost_and_no_word_is_cut(rows: list[list[str]], width: int) -> None:
    text = "\n".join(printed(["NAME", "LIMITS", "$"], rows, width))
    for name, limits, price in rows:
        assert name in text
        assert price in text
        assert all(word in text for word in limits.split())
