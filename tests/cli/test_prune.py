"""`models prune` as a person runs it: what it shows, what it asks, what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.weights.use import in_use, mark_used
from tests.cli.test_plan import run
from tests.conftest import PROGRAM

DAY = 86400
FILES = {
    model: load_catalog().models[model].weights[0].files[0].name
    for model in ("gemma-3-270m", "smollm2-135m-instruct")
}
SHOWN = """\

 WEIGHTS              WHY             LAST USED     FREES
 ────────────────────────────────────────────────────────
 gemma-3-270m q4_k_m  not used      40 days ago  3.00 MiB
 stranger q4          in no catalog         now  2.00 MiB
 ffffffffffff…        half fetched         5 h ago  512 B

"""


def place(home: Path, model: str, name: str, mib: int, days_ago: float = 0) -> Path:
    folder = home / "cache" / "weights" / model / name
    folder.mkdir(parents=True)
    (folder / FILES.get(model, "a.gguf")).write_bytes(b"x" * mib * 2**20)
    if days_ago:
        mark_used(folder)
        os.utime(folder / "last-used", (time.time() - days_ago * DAY,) * 2)
    return folder


@pytest.fixture
def cache(home: Path) -> Path:
    """Two sets nobody needs, one that somebody does, and half a download."""
    place(home, "gemma-3-270m", "q4_k_m", 3, days_ago=40)
    place(home, "smollm2-135m-instruct", "q4_1", 1)
    place(home, "stranger", "q4", 2)
    part = home / "cache" / "downloads" / f"{'f' * 64}.part"
    part.parent.mkdir()
    part.write_bytes(b"x" * 512)
    os.utime(part, (time.time() - 5 * 3600,) * 2)
    return home / "cache"


def whole(cache: Path) -> list[str]:
    return sorted(
        str(path.relative_to(cache)) for path in cache.rglob("*.*") if path.suffix in (".gguf", ".part")
    )


def test_without_a_terminal_it_shows_and_removes_nothing(cache: Path) -> None:
    before = whole(cache)
    done = run("models", "prune", "--unused-for", "30d")
    assert (done.returncode, squeezed(done.stdout)) == (0, squeezed(SHOWN))
    assert done.stderr == "Nothing was removed; with --yes 5.00 MiB are freed.\n"
    assert whole(cache) == before


def squeezed(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines() if line.strip(" ─")]


def test_with_yes_it_removes_what_it_showed(cache: Path) -> None:
    done = run("models", "prune", "--unused-for", "4 weeks", "--yes")
    assert squeezed(done.stdout) == squeezed(SHOWN)
    assert done.stderr == "5.00 MiB freed.\n"
    assert whole(cache) == [f"weights/smollm2-135m-instruct/q4_1/{FILES['smollm2-135m-instruct']}"]
    again = run("models", "prune", "--unused-for", "30d")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "Nothing to remove. `kanoa-mlops models` shows what is on disk.\n"


@pytest.mark.parametrize(("answer", "left"), [("n\n", 4), ("\n", 4), ("y\n", 2)])
def test_at_a_terminal_it_asks(cache: Path, answer: str, left: int) -> None:
    ours, theirs = os.openpty()
    with open(ours, "wb", closefd=False) as keyboard:
        process = subprocess.Popen(
            [PROGRAM, "models", "prune"],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(theirs)
        keyboard.write(answer.encode())
        keyboard.flush()
        _, asked = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0
    assert "Remove this, and free 2.00 MiB? [y/N]: " in asked
    assert len(whole(cache)) == left


def test_what_is_served_stays_and_is_named(cache: Path) -> None:
    with in_use([cache / "weights" / "stranger" / "q4"]):
        done = run("models", "prune", "--yes")
    assert done.stderr == "Kept: stranger q4 (in no catalog): is being served.\n512 B freed.\n"
    assert (cache / "weights" / "stranger" / "q4" / "a.gguf").exists()


def test_for_programs(cache: Path) -> None:
    with in_use([cache / "weights" / "stranger" / "q4"]):
        document = json.loads(run("models", "prune", "--unused-for", "30d", "--json").stdout)
    assert document["freed_bytes"] == 0
    assert [
        (each["weights"], each["why"], each["bytes"], each["freed_bytes"]) for each in document["spare"]
    ] == [
        ("gemma-3-270m q4_k_m", "not used", 3 * 2**20, 0),
        ("ffffffffffff…", "half fetched", 512, 0),
    ]
    assert [(each["weights"], each["because"]) for each in document["kept"]] == [
        ("stranger q4", "is being served")
    ]
    assert len(whole(cache)) == 4
    document = json.loads(run("models", "prune", "--unused-for", "30d", "--json", "--yes").stdout)
    assert document["freed_bytes"] == 5 * 2**20 + 512
    assert {each["problem"] for each in document["spare"]} == {""}
    assert len(whole(cache)) == 1


@pytest.mark.parametrize("age", ["30", "-1d", "30 parsecs", "d"])
def test_an_age_that_is_none_is_refused_with_an_example(cache: Path, age: str) -> None:
    refused = run("models", "prune", "--unused-for", age)
    assert refused.returncode == 1
    assert "is not a length of time; write it with its unit, as in '30d'" in refused.stderr
    assert len(whole(cache)) == 4


def test_with_a_catalog_that_cannot_be_read_nothing_goes(home: Path, cache: Path) -> None:
    """Else all that it lists would be of no model."""
    mine = home / "config" / "catalog" / "models" / "stranger.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("title: [")
    refused = run("models", "prune", "--yes")
    assert refused.returncode == 1
    assert str(mine) in refused.stderr
    assert len(whole(cache)) == 4


def test_what_is_served_by_whomever_is_not_removed_by_name(cache: Path) -> None:
    folder = cache / "weights" / "smollm2-135m-instruct" / "q4_1"
    with in_use([folder]):
        refused = run("models", "rm", "smollm2")
    assert refused.returncode == 1
    assert "smollm2-135m-instruct q4_1 is being served, perhaps by another user" in refused.stderr
    assert folder.exists()
    assert run("models", "rm", "smollm2").stderr == "Removed smollm2-135m-instruct: 1.00 MiB freed.\n"
