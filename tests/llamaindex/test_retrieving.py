"""LlamaIndex's retrievers as they are, through the connector of Python objects."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.llamaindex

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-llamaindex"
PROGRAM = Path(__file__).with_name("retrieving.py")


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    assert (ENVIRONMENT / ".installed").exists(), f"{ENVIRONMENT} has no LlamaIndex: run `make llamaindex`"
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "python", PROGRAM],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_nodes_are_passages(told: dict[str, Any]) -> None:
    by_id = {each["chunk_id"]: each for each in told["vectors"]}
    assert set(by_id) == {"n1", "n2"}
    assert by_id["n1"] | {"score": None} == {
        "text": by_id["n1"]["text"],
        "source": "a.pdf",
        "score": None,
        "chunk_id": "n1",
        "title": "a.pdf",
        "page": 3,
        "heading": "",
        "file_id": "",
        "store": "",
        "attributes": {"file_name": "a.pdf", "page_label": "3", "year": 2024},
    }
    assert "The drift is 0.2 K." in by_id["n1"]["text"]
    assert isinstance(by_id["n1"]["score"], float)


def test_one_without_scores_and_one_that_can_only_be_awaited(told: dict[str, Any]) -> None:
    assert told["words"] == ["n1"]
    assert [(each["chunk_id"], each["score"]) for each in told["awaited"]] == [("n1", 0.5)]


def test_it_is_filtered_by_a_function_of_the_person_and_not_without(told: dict[str, Any]) -> None:
    assert told["narrowed"] == ["b.pdf"]
    assert "VectorIndexRetriever cannot be given a filter" in told["refused"]
