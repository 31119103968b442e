from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kanoa_mlops.errors import UserError
from kanoa_mlops.weights.lock import holding, holding_if_free
from tests.weights.make import Heard

_HOLD = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("mine", flush=True)
    time.sleep(20)
"""


def test_the_second_says_that_it_waits(tmp_path: Path, heard: Heard) -> None:
    path = tmp_path / "locks" / "a.lock"
    entered = threading.Event()

    def second() -> None:
        with holding(path, "tiny q4", heard):
            entered.set()

    with holding(path, "tiny q4", Heard()):
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.2)
        with holding_if_free(path) as held:
            assert not held
    thread.join()
    assert entered.is_set()
    assert heard.notes == ["Another process is fetching tiny q4; waiting for it."]
    with holding_if_free(path) as held:
        assert held


def test_a_killed_holder_leaves_no_lock(tmp_path: Path, heard: Heard) -> None:
    path = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", _HOLD, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with holding_if_free(path) as held:
            assert not held
        holder.kill()
    with holding(path, "tiny", heard):
        assert not heard.notes


def test_a_folder_that_cannot_be(tmp_path: Path, heard: Heard) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"Not a directory|File exists"),
        holding(tmp_path / "file" / "a.lock", "tiny", heard),
    ):
        pass
