"""What `render compose` says, and what it refuses before anything is fetched: offline, before all else."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from kanoa_mlops.catalog.types import Model
from kanoa_mlops.cli.choice import Choice
from kanoa_mlops.cli.main import cli
from kanoa_mlops.cli.request import Served
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.cli.trust import trust_of
from kanoa_mlops.engines.site import WeightFiles
from kanoa_mlops.errors import UserError
from kanoa_mlops.settings import Settings, load_settings
from tests.conftest import MODEL

_ROOTLESS_DOCKER = """\
#!/bin/sh
case "$*" in
*SecurityOptions*) echo '["name=seccomp,profile=builtin","name=rootless"]' ;;
*) echo '{"ServerVersion":"28.2.2"}' ;;
esac
"""


@pytest.fixture
def docker(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rootless, as its user finds it."""
    program = home / "programs" / "docker"
    program.parent.mkdir()
    program.write_text(_ROOTLESS_DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "getuid", lambda: 1000)


def refused(home: Path, *words: str) -> UserError:
    """Nothing is fetched, and nothing half is left."""
    folder = home / "compose"
    asked = ["render", "compose", *words, "--offline", "-o", str(folder)]
    with pytest.raises(UserError) as error:
        CliRunner().invoke(cli, asked, catch_exceptions=False)
    assert not folder.exists()
    return error.value


def test_postgres_is_not_asked_to_be_the_administrator(home: Path, docker: None) -> None:
    """Whom rootless Docker makes of its user."""
    error = refused(home, MODEL, "--replicas", "2")
    assert "Rootless Docker" in error.message
    assert "--tool podman" in error.hint


def test_one_gateway_is_not_refused_for_it(home: Path, docker: None) -> None:
    assert "the network is switched off" in refused(home, MODEL).message


def test_nothing_is_fetched_of_one_where_another_is_refused(home: Path, docker: None) -> None:
    error = refused(home, MODEL, "molmo-7b-d", "--anyway")
    assert "molmo-7b-d runs Python code" in error.message
    assert error.hint == "If you trust it: `kanoa-mlops trust molmo-7b-d`, then run this again."


def test_the_next_steps_can_be_copied_wherever_it_is_written(home: Path) -> None:
    folder = home / "to serve"
    told = CliRunner().invoke(cli, ["render", "compose", MODEL, "--platform", "cpu-32", "-o", str(folder)])
    steps = [line.partition(": ")[2] for line in told.stderr.splitlines() if " && " in line]
    assert len(steps) == 2
    for step in steps:
        enter, _, _ = step.partition(" && ")
        assert shlex.split(enter) == ["cd", str(folder)]


def test_code_that_is_not_the_one_that_was_allowed_is_not_rendered(
    home: Path, docker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = trust_of(load_settings())
    trust.give("molmo-7b-d")
    assert trust.covers("molmo-7b-d", "the first that was seen")
    code = home / "weights" / "modeling.py"
    code.parent.mkdir()
    code.write_text("import another\n")

    def fetched(screen: Screen, settings: Settings, model: Model, choice: Choice) -> Served:
        return Served(model, choice, WeightFiles(code.parent, (code.name,)))

    monkeypatch.setattr("kanoa_mlops.cli.render.fetched", fetched)
    error = refused(home, "molmo-7b-d", "--anyway")
    assert "The code that molmo-7b-d brings is not the one you allowed" in error.message
