"""The main job, as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROGRAM
from tests.e2e.conftest import Person

pytestmark = pytest.mark.e2e


def test_the_demo_reads_the_figure_and_leaves_nothing(person: Person) -> None:
    shown = json.loads(person.run("demo", "--json", seconds=400).stdout)
    assert "projectile" in shown["text"].lower()
    assert shown["figure"] == "ocr"
    assert shown["output_tokens"] > 20
    assert shown["input_tokens"] > 150
    grounded = shown["grounded"]
    assert grounded["status"] == "grounded"
    assert "Projectile height over time" in grounded["query"], "it was read from the figure"
    first = grounded["sources"][0]
    assert first["page"] == 2
    assert first["opens"].endswith("/demo/documents/throwing-a-ball.pdf#page=2")
    assert Path(first["opens"].removeprefix("file://").partition("#")[0]).exists()
    assert person.json("ground", "list")["collections"] == []
    assert person.processes() == []
    assert person.json("status")["servers"] == []


def test_the_demo_uses_the_server_that_runs(person: Person) -> None:
    person.serve()
    shown = person.run("demo", seconds=400)
    assert f"Using the server at http://127.0.0.1:{person.port}." in shown.stderr
    for name in ("Model", "Tokens", "Speed", "First token", "Cost", "Where", "Figure"):
        assert f"\n{name:<12} " in shown.stderr
    assert "throwing a ball, p. 2" in shown.stderr
    assert person.server["healthy"]
    person.run("stop")


def test_the_demo_says_what_to_install(person: Person) -> None:
    code = (
        "import sys, importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'kanoa' else real(name, *rest)\n"
        "from kanoa_mlops.cli.main import main; main(['demo'])"
    )
    refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    assert refused.stderr == "error: The demo needs kanoa.\npip install 'kanoa-mlops[all]'\n"
    assert PROGRAM.exists()
