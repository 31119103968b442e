"""Weights of a server that lives, pruned from beside it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.conftest import MODEL
from tests.e2e.conftest import Person

pytestmark = pytest.mark.e2e


def test_a_server_holds_its_weights_and_marks_when_it_had_them(person: Person, stocked: Path) -> None:
    person.serve()
    mark = stocked.parent / "last-used"
    long_ago = time.time() - 40 * 86400
    os.utime(mark, (long_ago, long_ago))  # it has run for weeks
    told = person.json("models", "prune", "--unused-for", "30d", "--yes")
    assert [(each["weights"], each["because"]) for each in told["kept"]] == [
        (f"{MODEL} q4_1", "is being served")
    ]
    assert told["spare"] == []
    person.run("stop", "--port", str(person.port))
    assert person.json("models", "prune", "--unused-for", "1h")["spare"] == []
    os.utime(mark, (long_ago, long_ago))
    told = person.json("models", "prune", "--unused-for", "30d", "--yes")
    assert told["freed_bytes"] > 90 * 2**20
    assert not stocked.exists()
