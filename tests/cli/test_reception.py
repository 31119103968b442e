"""A server that others can reach lets nobody in without a key."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from kanoa_mlops.gateway.books.key import new_key
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from tests.conftest import MODEL, PROGRAM

CONFIG = """\
backends:
  - {model: tiny, url: "http://127.0.0.1:1", engine: vllm, context: 4096}
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gateway.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_it_does_not_begin_without_one(home: Path, config: str) -> None:
    for words in (("serve", MODEL, "--offline"), ("gateway", "--config", config)):
        told = run(*words, "--host", "0.0.0.0")
        assert told.returncode == 1
        assert told.stderr.startswith("error: 0.0.0.0 is open to the network, and nobody has a key yet.")
        assert "kanoa-mlops keys add NAME" in told.stderr


def test_one_that_was_revoked_is_none(home: Path, config: str) -> None:
    (home / "state").mkdir()
    store = SqliteStore(home / "state" / "gateway.db")
    key, _ = new_key("ann", time.time())
    store.add_key(key)
    store.revoke_key(key.id, time.time())
    store.close()
    assert run("gateway", "--config", config, "--host", "0.0.0.0").returncode == 1


def test_books_that_cannot_be_read_are_named(home: Path, config: str) -> None:
    (home / "state").mkdir()
    (home / "state" / "gateway.db").write_bytes(b"no database at all" * 100)
    told = run("gateway", "--config", config)
    assert told.returncode in (1, 2)
    assert "gateway.db" in told.stderr
    assert "Traceback" not in told.stderr
