"""One file: who may open it, what is said when it cannot be used, and how its schema grows."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kanoa_mlops.errors import BooksBusy, BooksUnusable, DiskFull
from kanoa_mlops.gateway.books.database import open_database, told, transaction
from kanoa_mlops.gateway.books.schema import MIGRATIONS

ONE = "CREATE TABLE a (x INTEGER)"
TWO = "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x"


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "gateway.db"
    connection = open_database(path, MIGRATIONS)
    with transaction(connection):
        connection.execute("INSERT INTO spending VALUES ('2026-11-28', '', '', 1)")
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert {file.suffix for file in path.parent.iterdir()} == {".db", ".db-wal", ".db-shm"}
    connection.close()


def test_what_was_committed_outlives_the_process(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path\n"
        "from kanoa_mlops.gateway.books.database import open_database, transaction\n"
        "connection = open_database(Path(sys.argv[1]), ['CREATE TABLE a (x INTEGER)'])\n"
        "with transaction(connection): connection.execute('INSERT INTO a VALUES (7)')\n"
        "connection.execute('BEGIN'); connection.execute('INSERT INTO a VALUES (8)')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "a.db")], check=False, timeout=60)
    connection = open_database(tmp_path / "a.db", [ONE])
    assert connection.execute("SELECT x FROM a").fetchall() == [(7,)]
    connection.close()


def test_others_see_what_is_written_after_one_of_them_has_closed_it(tmp_path: Path) -> None:
    """A second connection of one process must not take the locks of the first."""
    program = (
        "import sys; from pathlib import Path\n"
        "from kanoa_mlops.gateway.books.database import open_database\n"
        "connection = open_database(Path(sys.argv[1]), ['CREATE TABLE a (x INTEGER)'])\n"
        "print(connection.execute('SELECT count(*) FROM a').fetchall()[0][0])\n"
        "connection.close()\n"
    )

    def seen() -> str:
        argv = [sys.executable, "-c", program, str(tmp_path / "a.db")]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout

    first, second = (open_database(tmp_path / "a.db", [ONE]) for _ in range(2))
    for number in range(3):
        first.execute("INSERT INTO a VALUES (7)")
        assert seen() == f"{number + 1}\n"
        assert second.execute("SELECT count(*) FROM a").fetchall() == [(number + 1,)]
    first.close()
    second.close()


def test_an_older_file_is_brought_up_with_what_it_holds(tmp_path: Path) -> None:
    old = open_database(tmp_path / "a.db", [ONE])
    old.execute("INSERT INTO a VALUES (5)")
    old.close()
    new = open_database(tmp_path / "a.db", [ONE, TWO])
    assert new.execute("SELECT x, y FROM a").fetchall() == [(5, 5)]
    new.close()
    again = open_database(tmp_path / "a.db", [ONE, TWO])
    assert again.execute("SELECT x, y FROM a").fetchall() == [(5, 5)]
    again.close()


def test_a_step_that_fails_leaves_the_older_file_whole(tmp_path: Path) -> None:
    open_database(tmp_path / "a.db", [ONE]).close()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        open_database(tmp_path / "a.db", [ONE, "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE b SET y = 1"])
    old = open_database(tmp_path / "a.db", [ONE])
    assert [row[1] for row in old.execute("PRAGMA table_info(a)")] == ["x"]
    old.close()


def test_many_that_open_a_new_file_at_once_make_it_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []
    begin = threading.Barrier(8)

    def opened(path: Path) -> None:
        begin.wait()
        try:
            open_database(path, MIGRATIONS).close()
        except BaseException as error:
            failures.append(error)

    for number in range(20):  # SQLite refuses one of hundreds
        threads = [threading.Thread(target=opened, args=(tmp_path / f"{number}.db",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_a_file_of_a_newer_version_is_refused_and_kept(tmp_path: Path) -> None:
    open_database(tmp_path / "a.db", [ONE, TWO]).close()
    with pytest.raises(
        BooksUnusable, match=r"a\.db was written by a newer .* is 2, .* known here is 1"
    ) as found:
        open_database(tmp_path / "a.db", [ONE])
    assert found.value.hint == "Update kanoa-mlops."
    open_database(tmp_path / "a.db", [ONE, TWO]).close()


def test_what_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("a letter to a friend " * 100)
    with pytest.raises(BooksUnusable, match=r"a\.db is damaged: file is not a database") as found:
        open_database(tmp_path / "a.db", MIGRATIONS)
    assert "move the file away" in found.value.hint
    assert (tmp_path / "a.db").read_text().startswith("a letter")


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db", [ONE])
    connection.execute("INSERT INTO a VALUES (5)")
    connection.close()
    with (tmp_path / "a.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    connection = open_database(tmp_path / "a.db", [ONE])
    with (
        pytest.raises(BooksUnusable, match="is damaged: database disk image is malformed"),
        told(tmp_path / "a.db"),
    ):
        connection.execute("SELECT x FROM a").fetchall()
    connection.close()


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.db").mkdir()
    with pytest.raises(BooksUnusable, match=r"a\.db cannot be written: Is a directory"):
        open_database(tmp_path / "a.db", MIGRATIONS)


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(BooksUnusable, match=r"state/a\.db cannot be written"):
        open_database(tmp_path / "state" / "a.db", MIGRATIONS)


def test_a_connection_that_may_only_read_says_so(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db", [ONE])
    connection.execute("PRAGMA query_only = ON")
    with (
        pytest.raises(BooksUnusable, match="cannot be read and written: attempt to write a readonly"),
        told(tmp_path / "a.db"),
        transaction(connection),
    ):
        connection.execute("INSERT INTO a VALUES (1)")
    connection.close()


def test_rights_that_lack_are_told(tmp_path: Path) -> None:
    """In a process without root's rights, to whom nothing is forbidden."""
    open_database(tmp_path / "a.db", [ONE]).close()
    (tmp_path / "a.db").chmod(0o444)
    tmp_path.chmod(0o755)
    program = (
        "import os, sys; from pathlib import Path\n"
        "from kanoa_mlops.errors import BooksUnusable\n"
        "from kanoa_mlops.gateway.books.database import open_database\n"
        "if os.getuid() == 0: os.setgid(65534), os.setuid(65534)\n"
        "try: open_database(Path('a.db'), [])\n"
        "except BooksUnusable as error: print(error.message)\n"
    )
    # Its folder is where it is, so that those above need not let it in.
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "The gateway's database a.db cannot be written: Permission denied.\n", done


def test_a_full_disk_is_told_and_what_was_there_stays(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db", ["CREATE TABLE a (x TEXT)"])
    connection.execute("INSERT INTO a VALUES ('kept')")
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with (
        pytest.raises(DiskFull, match=r"a\.db cannot grow: the disk is full"),
        told(tmp_path / "a.db"),
        transaction(connection),
    ):
        connection.execute("INSERT INTO a VALUES (?)", ("x" * 100_000,))
    assert not connection.in_transaction
    assert connection.execute("SELECT x FROM a").fetchall() == [("kept",)]
    connection.close()


def test_another_writer_is_waited_for_and_then_told(tmp_path: Path) -> None:
    holder = open_database(tmp_path / "a.db", [ONE])
    connection = open_database(tmp_path / "a.db", [ONE], patience=0.01)
    with transaction(holder):
        with (
            pytest.raises(BooksBusy, match="is held by another process"),
            told(tmp_path / "a.db"),
            transaction(connection),
        ):
            raise AssertionError("two may not write at once")
        assert connection.execute("SELECT count(*) FROM a").fetchone() == (0,), "but reading goes on"
    with told(tmp_path / "a.db"), transaction(connection):
        connection.execute("INSERT INTO a VALUES (1)")
    for each in (holder, connection):
        each.close()
