"""Who uses weights, asked across processes: also of one that was killed, and of one that may only read."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kanoa_mlops.weights.use import MARK_NAME, in_use, last_used, mark_used, unused
from tests.weights.people import as_somebody, open_folder

_HOLDS = """
import sys, time
from pathlib import Path
from kanoa_mlops.weights.use import in_use
with in_use([Path(sys.argv[1])]):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_holding(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", _HOLDS, folder], stdout=subprocess.PIPE)
    assert process.stdout
    try:
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def free(folder: Path) -> bool | None:
    with unused(folder) as found:
        return found


def test_what_several_use_is_free_when_the_last_has_ended(tmp_path: Path) -> None:
    assert free(tmp_path)
    with another_holding(tmp_path) as one:
        assert not free(tmp_path)
        with in_use([tmp_path]):
            one.send_signal(signal.SIGKILL)  # a server that is killed lets go
            one.wait()
            assert not free(tmp_path)
        assert free(tmp_path)


def test_who_begins_to_use_what_is_being_removed_waits(tmp_path: Path) -> None:
    with unused(tmp_path) as found:
        assert found
        process = subprocess.Popen([sys.executable, "-c", _HOLDS, tmp_path], stdout=subprocess.PIPE)
        assert process.stdout
        os.set_blocking(process.stdout.fileno(), False)
        while not (tmp_path / MARK_NAME).exists():
            time.sleep(0.01)
        time.sleep(0.2)
        assert process.stdout.read() is None
    os.set_blocking(process.stdout.fileno(), True)
    assert process.stdout.readline() == b"held\n"
    process.kill()
    process.communicate()


def test_use_is_marked_when_it_begins_and_when_it_ends(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"x")
    os.utime(tmp_path / "a.gguf", (1000, 1000))
    assert last_used(tmp_path) == 1000  # when it came
    with in_use([tmp_path]):
        began = last_used(tmp_path)
        assert began is not None and began > time.time() - 60
        os.utime(tmp_path / MARK_NAME, (2000, 2000))  # it ran for years
    ended = last_used(tmp_path)
    assert ended is not None and ended > time.time() - 60


def test_weights_that_others_keep_have_no_folder(tmp_path: Path) -> None:
    with in_use([tmp_path / "none"]):
        pass
    mark_used(tmp_path / "none")
    assert last_used(tmp_path / "none") is None
    assert not (tmp_path / "none").exists()
    assert free(tmp_path / "none")


def test_a_disk_without_locks_cannot_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As NFS answers for a folder, which cannot be opened for writing."""

    def no_locks(descriptor: int, kind: int) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with in_use([tmp_path]):
        assert free(tmp_path) is None
    assert (tmp_path / MARK_NAME).exists()


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_in_a_cache_that_cannot_be_written_use_goes_on(mode: int) -> None:
    with open_folder() as above:
        folder = above / "q4"
        folder.mkdir()
        folder.chmod(mode)
        with as_somebody(), in_use([folder]):
            assert not free(folder)  # None where it cannot even be opened
        folder.chmod(0o755)
        assert list(folder.iterdir()) == []
