"""Probes asked at once."""

from __future__ import annotations

import threading
import time

from kanoa_mlops.hardware.findings import Findings, ask_together
from kanoa_mlops.hardware.patience import Patience


def test_answers_come_in_the_order_of_the_questions() -> None:
    def slow() -> Findings:
        time.sleep(0.05)
        return Findings(title="slow")

    found = ask_together({"a": slow, "b": lambda: Findings(title="quick")}, Patience(5))
    assert [each.title for each in found] == ["slow", "quick"]


def test_one_that_fails_or_hangs_leaves_the_others_alone() -> None:
    release = threading.Event()

    def hangs() -> Findings:
        release.wait()
        return Findings()

    def fails() -> Findings:
        raise ZeroDivisionError("no cards")

    probes = {"disk": hangs, "AMD": fails, "Intel": lambda: Findings(title="here")}
    found = ask_together(probes, Patience(1.0))
    release.set()
    assert [each.unknown for each in found] == [
        ("disk did not answer within 1 s",),
        ("AMD: ZeroDivisionError: no cards",),
        (),
    ]
    assert found[2].title == "here"


def test_nothing_to_ask_is_answered_at_once() -> None:
    assert ask_together({}, Patience(0)) == []
