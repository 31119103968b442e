"""The end of a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.runtime.logs import tail

LONG = "model=" + "x" * 20_000


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (0, []),
        (1, [LONG]),
        (2, ["begins", LONG]),
        (3, ["first", "begins", LONG]),
        (9, ["first", "begins", LONG]),
    ],
)
def test_lines_are_whole_however_long_they_are(tmp_path: Path, lines: int, found: list[str]) -> None:
    log = tmp_path / "engine.log"
    log.write_text(f"first\nbegins\n{LONG}\n")
    assert tail(log, lines) == found


def test_what_was_there_before_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text(f"{LONG}\nafter\n")
    assert tail(log, 5, since=len(LONG) + 1) == ["after"]
    assert tail(log, 5, since=10**6) == []


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert tail(tmp_path / "engine.log", 5) == []
