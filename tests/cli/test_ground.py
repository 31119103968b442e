"""`ground`, as a person runs it: real files, a real store, no model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.cli.archive import open_archive
from kanoa_mlops.gateway.books.key import new_key
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.settings import load_settings
from tests.cli.test_plan import run


@pytest.fixture
def docs(home: Path) -> Path:
    folder = home / "docs"
    folder.mkdir()
    (folder / "drift.md").write_text("# Sensor drift\n\nThe probe drifts by 0.3 sigma a month.\n")
    (folder / "metals.csv").write_text("metal,density\ncopper,8.96\n")
    return folder


@pytest.fixture
def papers(docs: Path) -> Iterator[Path]:
    assert run("ground", "add", "papers", str(docs)).returncode == 0
    yield docs


def document(*arguments: str) -> Any:
    result = run("ground", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_folder_is_taken_in_once_and_followed(docs: Path) -> None:
    (docs / "empty.txt").touch()
    first = run("ground", "add", "papers", str(docs))
    assert first.returncode == 0
    assert "papers: 2 added, 1 left out." in first.stdout
    assert "left out empty.txt" in first.stderr
    assert "all-minilm-l6-v2` makes it found by meaning too" in first.stderr
    assert "papers: 2 unchanged, 1 left out." in run("ground", "add", "papers").stdout
    (docs / "drift.md").unlink()
    (docs / "metals.csv").write_text("metal,density\nzinc,7.14\n")
    os.utime(docs / "metals.csv", (1, 1))
    assert "It holds 2 documents in 3 passages, " in first.stdout
    last = run("ground", "add", "papers", str(docs))
    assert "papers: 1 changed, 1 removed, 1 left out.\nIt holds 1 document in 2 passages, " in last.stdout


def test_one_of_a_kind_is_told_as_one(docs: Path) -> None:
    (docs / "metals.csv").unlink()
    assert "\nIt holds 1 document in 1 passage, " in run("ground", "add", "papers", str(docs)).stdout
    assert run("ground", "status").stdout.startswith("papers: 1 document, 1 passage, found by words.")


def test_what_answers_is_shown_with_where_it_is(papers: Path) -> None:
    shown = run("ground", "search", "papers", "how fast does the sensor drift")
    assert shown.stdout.startswith("1. papers: Sensor drift")
    assert f"file://{papers}/drift.md" in shown.stdout
    assert "0.3 sigma a month" in shown.stdout
    [first, *_] = document("search", "papers", "sensor drift")["passages"]
    assert (first["source"], first["store"]) == ("drift.md", "papers")


def test_files_of_one_name_in_two_folders_are_told_apart(papers: Path, home: Path) -> None:
    (home / "notes").mkdir()
    (home / "notes" / "drift.md").write_text("# Drift\n\nThe sensor drifts more in summer.\n")
    run("ground", "add", "notes", str(home / "notes"))
    shown = run("ground", "search", "papers,notes", "sensor drift").stdout
    assert f"file://{papers}/drift.md" in shown
    assert f"file://{home}/notes/drift.md" in shown


def test_a_folder_stands_beneath_a_collection_that_leaves_no_room(docs: Path) -> None:
    name = "measurements-of-the-second-floor"
    assert run("ground", "add", name, str(docs)).returncode == 0
    lines = run("ground", "list").stdout.splitlines()
    [at] = [number for number, line in enumerate(lines) if f" {name} " in line]
    assert lines[at].split()[-1] == "you"
    assert lines[at + 1] == f"   {docs}"


def test_nothing_found_is_said(papers: Path) -> None:
    result = run("ground", "search", "papers", "zebra")
    assert (result.returncode, result.stdout) == (0, "")
    assert "Nothing was found." in result.stderr


def test_filters_are_openais(papers: Path) -> None:
    none = '{"type": "eq", "key": "year", "value": 2026}'
    assert document("search", "papers", "drift", "--filter", none)["passages"] == []
    wrong = run("ground", "search", "papers", "drift", "--filter", "{")
    assert wrong.returncode == 1
    assert "--filter is not JSON" in wrong.stderr


def test_lists_and_shows(papers: Path) -> None:
    assert " papers          2         3         0 % " in run("ground", "list").stdout
    assert document("list")["collections"][0]["folder"] == str(papers)
    assert "metals.csv" in run("ground", "show", "papers").stdout
    assert "0.3 sigma" in run("ground", "show", "papers", "drift.md").stdout
    assert [each["source"] for each in document("show", "papers")] == ["drift.md", "metals.csv"]
    missing = run("ground", "show", "papers", "none.md")
    assert missing.returncode == 1
    assert "ground show papers" in missing.stderr


def test_status_tells_what_is_behind(papers: Path) -> None:
    assert f"As {papers} is." in run("ground", "status").stdout.replace("\n  ", " ")
    (papers / "empty.txt").touch()
    (papers / "more.md").write_text("More.")
    (papers / "drift.md").write_text("Less.")
    [standing] = document("status", "papers")
    assert standing["changes"] == {"new": 2, "changed": 1, "gone": 0, "unreadable": 0, "problem": ""}
    run("ground", "add", "papers")
    [standing] = document("status", "papers")
    assert standing["changes"] == {"new": 0, "changed": 0, "gone": 0, "unreadable": 1, "problem": ""}


def test_status_of_a_folder_that_is_gone(papers: Path) -> None:
    papers.rename(papers.with_name("moved"))
    result = run("ground", "status")
    assert result.returncode == 0
    assert "cannot be read" in " ".join(result.stdout.split())
    again = run("ground", "add", "papers")
    assert again.returncode == 1
    assert "Nothing was changed" in again.stderr
    assert len(document("show", "papers")) == 2


def test_removed_is_removed(papers: Path) -> None:
    first = run("ground", "rm", "papers", "drift.md", "none.md")
    assert first.returncode == 1
    assert "Removed 1 of 2" in first.stderr
    assert "comes back" in first.stderr
    near = run("ground", "rm", "paper")
    assert (near.returncode, near.stderr.endswith(".\nDid you mean papers?\n")) == (1, True)
    for name in ("paper", "nope"):
        assert run("ground", "search", f"papers,{name}", "drift").stderr == run("ground", "rm", name).stderr
    far = run("ground", "rm", "my notes")
    assert far.stderr.endswith("\n`kanoa-mlops ground add 'my notes' FOLDER` makes it.\n")
    assert run("ground", "rm", "papers").returncode == 0
    again = run("ground", "rm", "papers")
    assert again.returncode == 1
    assert "There are: none yet." in again.stderr
    assert (papers / "drift.md").exists()


def test_what_was_attached_is_removed_too(home: Path) -> None:
    from kanoa_mlops.cli.archive import open_ledger
    from kanoa_mlops.grounding.archive import Collection
    from kanoa_mlops.grounding.library.attachment import Wanted

    id, settings = "vs_000000000000000000000001", load_settings()
    with closing(open_archive(settings)) as archive:
        archive.create(Collection(id, "uploads"))
    with closing(open_ledger(settings)) as ledger:
        ledger.attach(id, "", [Wanted("file-1", {"note": "xylophone"})])
    assert run("ground", "rm", "uploads").returncode == 0
    assert all(b"xylophone" not in each.read_bytes() for each in settings.grounding_dir.iterdir())


def test_a_name_means_one_folder(papers: Path, home: Path) -> None:
    (home / "other").mkdir()
    other = run("ground", "add", "papers", str(home / "other"))
    assert other.returncode == 1
    assert "mirrors" in other.stderr
    unknown = run("ground", "add", "nothing")
    assert unknown.returncode == 1
    assert "ground add nothing FOLDER" in unknown.stderr


def test_who_may_read_is_kept_by_the_keys_id(papers: Path, home: Path) -> None:
    key, _ = new_key("lab", 0.0)
    store = SqliteStore(home / "state" / "gateway.db")
    store.add_key(key)
    store.close()
    assert run("ground", "add", "papers", "--reader", "lab", "--shareable").returncode == 0
    with_reader = document("list")["collections"][0]
    assert (with_reader["readers"], with_reader["shareable"]) == ([key.id], True)
    assert run("ground", "add", "papers").returncode == 0
    assert document("list")["collections"][0]["readers"] == [key.id], "stays as it was"
    nobody = run("ground", "add", "papers", "--reader", "nobody")
    assert nobody.returncode == 1
    assert "There is no key 'nobody'" in nobody.stderr


def test_questions_of_its_own_and_of_a_file(papers: Path, home: Path) -> None:
    questions = home / "questions.jsonl"
    questions.write_text(
        '{"question": "density of copper", "source": "metals.csv"}\n'
        '{"question": "zebra", "source": "drift.md"}\n'
    )
    [words] = document("eval", "papers", "--questions", str(questions))
    assert (words["way"], words["questions"], words["recall"]) == ("words", 2, 0.5)
    assert words["missed"] == ["zebra"]
    assert "'zebra', which is in drift.md" in run(
        "ground", "eval", "papers", "--questions", str(questions)
    ).stderr.replace("\n", " ")


def test_a_collection_of_uploads_is_not_mirrored(docs: Path) -> None:
    from kanoa_mlops.grounding.archive import Collection

    archive = open_archive(load_settings())
    archive.create(Collection("vs_000000000000000000000001", "uploads"))
    archive.close()
    for arguments in (("add", "uploads", str(docs)), ("watch", "uploads")):
        result = run("ground", *arguments)
        assert result.returncode == 1
        assert "mirrors no folder" in result.stderr


def test_the_folder_of_the_collections_is_the_persons_alone(papers: Path) -> None:
    settings = load_settings()
    assert settings.grounding_dir.stat().st_mode & 0o077 == 0
