"""Which files of a folder are read, and what is said of the others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.grounding.ingest.walk import Walk


def write(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("words")


def walked(folder: Path) -> tuple[list[str], dict[str, str]]:
    walk = Walk()
    files = [found.source for found in walk.files(folder)]
    return files, {each.source: each.reason for each in walk.skipped}


def test_what_nobody_wrote_to_be_read_is_left_out(folder: Path) -> None:
    write(folder, ["a.md", "sub/b.md", ".hidden", ".git/config", "node_modules/x.js", "__pycache__/a.pyc"])
    write(folder, ["env/pyvenv.cfg", "env/lib/x.py", "~$open.docx"])
    walk = Walk()
    assert [found.source for found in walk.files(folder)] == ["a.md", "sub/b.md"]
    assert (walk.left_out, walk.skipped) == (6, [])


def test_gitignore_is_kept_to_as_git_does(folder: Path) -> None:
    write(folder, ["a.log", "keep.log", "build/x.md", "sub/a.log", "sub/b.tmp", "sub/c.md", "deep/build"])
    (folder / ".gitignore").write_text("*.log\n!keep.log\n/build/\n# no rule\n")
    (folder / "sub" / ".gitignore").write_text("*.tmp\n!a.log\n")
    assert walked(folder)[0] == ["deep/build", "keep.log", "sub/a.log", "sub/c.md"]


def test_links_are_not_followed_and_named(folder: Path, tmp_path: Path) -> None:
    write(folder, ["sub/a.md"])
    (tmp_path / "secret").write_text("secret")
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "sub" / "self").symlink_to(folder / "sub" / "self")
    (folder / "sub" / "up").symlink_to("..")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "twice").symlink_to(folder / "sub" / "a.md")
    (folder / "nowhere").symlink_to("no such file")
    files, skipped = walked(folder)
    assert files == ["sub/a.md"]
    back = "It is a link back to a folder that it is in."
    assert skipped == {
        "sub/loop": back,
        "sub/up": back,
        "sub/self": "It is a link that leads round in a circle.",
        "out": f"It is a link out of the folder, to {tmp_path / 'secret'}: add that folder instead.",
        "twice": "It is a link within the folder: what it leads to is read at its own place.",
        "nowhere": "It is a link that leads nowhere.",
    }


def test_a_pipe_is_named(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert walked(folder) == ([], {"pipe": "It is no file, but a pipe, a socket or a device."})


def test_a_folder_that_cannot_be_listed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, to whom no folder is closed."""
    write(folder, ["closed/a.md", "open/b.md"])
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    files, skipped = walked(folder)
    assert files == ["open/b.md"]
    assert skipped == {"closed": "The folder cannot be listed: Permission denied."}


def test_a_name_that_is_no_utf8_is_written_with_its_bytes(folder: Path) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/gr\xf6sse.md"))).write_text("words")
    assert walked(folder)[0] == ["gr\\xf6sse.md"]
