"""`trust`, and what is refused without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kanoa_mlops.runtime.trust import Trust, fingerprint
from tests.cli.test_plan import run


def test_given_listed_and_taken_back(home: Path) -> None:
    assert run("trust").stdout == "No model's own code may run here.\n"
    assert run("trust", "molmo").returncode == 0
    assert run("trust", "molmo-7b-d").returncode == 0, "may run twice"
    assert run("trust").stdout == "molmo-7b-d\n"
    assert run("trust", "molmo", "--revoke").returncode == 0
    assert "molmo" not in run("trust").stdout


def test_a_model_without_code_cannot_be_trusted(home: Path) -> None:
    refused = run("trust", "gemma-3-12b-it")
    assert refused.returncode == 1
    assert "brings no code" in refused.stderr
    assert refused.stderr.endswith("\n`kanoa-mlops serve gemma-3-12b-it` serves it as it is.\n")


def test_molmo_is_refused_before_anything_is_fetched(home: Path) -> None:
    refused = run("serve", "molmo", "--platform", "rtx-4090", "--dry-run", "--offline")
    assert refused.returncode == 0, "nothing is run, so nothing is asked"
    assert "--trust-remote-code" in refused.stdout
    assert "trust molmo-7b-d" in refused.stderr


def test_the_first_code_that_is_seen_is_the_one_that_was_allowed(tmp_path: Path) -> None:
    trust = Trust(tmp_path / "deep" / "trust.json")
    assert not trust.covers("molmo", "abc")
    trust.give("molmo")
    assert trust.covers("molmo", "abc")
    assert not Trust(tmp_path / "deep" / "trust.json").covers("molmo", "abd")
    trust.give("molmo")
    assert trust.covers("molmo", "abd")


@pytest.mark.parametrize("change", ["modeling.py", "helper.py"], ids=["another content", "another file"])
def test_a_fingerprint_is_of_names_and_contents(tmp_path: Path, change: str) -> None:
    (tmp_path / "modeling.py").write_text("a = 1\n")
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = fingerprint(tmp_path.iterdir())
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    assert fingerprint(tmp_path.iterdir()) == before != ""
    (tmp_path / change).write_text("a = 2\n")
    assert fingerprint(tmp_path.iterdir()) != before
