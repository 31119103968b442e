"""A file that cannot be used is told, with what to do; the file of the archive is its owner's alone."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kanoa_mlops.errors import ArchiveUnusable, DiskFull
from kanoa_mlops.grounding.archive import File
from kanoa_mlops.grounding.local import LocalArchive
from tests.grounding.local.making import PAPERS, document


def test_the_files_are_their_owners_alone(archive: LocalArchive, path: Path) -> None:
    archive.put(PAPERS, document("a", "text"))
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_newer_file_is_refused_and_kept(archive: LocalArchive, path: Path) -> None:
    archive.put(PAPERS, document("a", "text"))
    archive.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ArchiveUnusable, match=r"archive\.db was written by a newer .* is 99") as refused:
        LocalArchive(path)
    assert refused.value.hint == "Update kanoa-mlops."


def test_what_is_no_archive_is_refused_and_kept(path: Path) -> None:
    path.write_text("a letter to a friend " * 100)
    with pytest.raises(ArchiveUnusable, match=r"The archive of documents .* is damaged") as refused:
        LocalArchive(path)
    assert "add the folders again" in refused.value.hint
    assert path.read_text().startswith("a letter")


def test_a_damaged_page_is_told(archive: LocalArchive, path: Path) -> None:
    for at in range(50):
        archive.put(PAPERS, document(f"{at}", *["some text " * 50] * 3))
    archive.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 20)
        file.write(b"\xff" * (size - 4096 * 20))
    archive = LocalArchive(path)
    with pytest.raises(ArchiveUnusable, match="is damaged"):
        archive.search(PAPERS, "text", None)
    archive.close()


def test_a_full_disk_is_told_and_what_was_there_stays(archive: LocalArchive) -> None:
    archive.put(PAPERS, document("a", "kept text"))
    with archive._file.reading() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    archive._file._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(DiskFull, match=r"archive\.db cannot grow: the disk is full"):
        archive.put(PAPERS, document("b", "text " * 100_000))
    with pytest.raises(DiskFull, match="the disk is full"):
        archive.add_file(File("file-1", "", "a", "assistants", 1, 1.0), b"x" * 100_000)
    assert [held.source for held in archive.held(PAPERS)] == ["a"]
    assert archive.files() == []
    assert len(archive.search(PAPERS, "text", None)) == 1


def test_rights_that_lack_are_told(tmp_path: Path) -> None:
    """In a process without root's rights, to whom nothing is forbidden."""
    LocalArchive(tmp_path / "a.db").close()
    (tmp_path / "a.db").chmod(0o444)
    tmp_path.chmod(0o755)
    program = (
        "import os, sys; from pathlib import Path\n"
        "from kanoa_mlops.errors import ArchiveUnusable\n"
        "from kanoa_mlops.grounding.local import LocalArchive\n"
        "if os.getuid() == 0: os.setgid(65534), os.setuid(65534)\n"
        "try: LocalArchive(Path('a.db'))\n"
        "except ArchiveUnusable as error: print(error.message)\n"
    )
    # Its folder is where it is, so that those above need not let it in.
    argv = [sys.executable, "-c", program]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "The archive of documents a.db cannot be written: Permission denied.\n", done
