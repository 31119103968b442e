"""Books that several machines share, as a person sets them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kanoa_mlops.cli.books import open_limits, open_store
from kanoa_mlops.errors import MissingExtra
from kanoa_mlops.gateway.books.shared_limits import SharedLimits
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.settings import load_settings
from tests.cli.test_plan import run
from tests.gateway.books.making import entry
from tests.postgres import Postgres


@pytest.fixture
def shared(home: Path, postgres: Postgres) -> Iterator[Path]:
    """A person's folders, with the address of a database, and its password in a file."""
    word = home / "password"
    word.write_text(postgres.password)
    with postgres.database() as url:
        os.environ["KANOA_MLOPS_BOOKS"] = url.replace(url.partition("kanoa:")[2].partition("@")[0], "")
        os.environ["KANOA_MLOPS_BOOKS_PASSWORD_FILE"] = str(word)
        yield home


def test_keys_and_usage_are_those_of_all_machines(shared: Path) -> None:
    made = run("keys", "add", "anna", "--parallel=4")
    assert made.returncode == 0, made.stderr
    with closing(open_store(load_settings())) as store:
        (key,) = store.all_keys()
        assert (key.name, key.limits.parallel) == ("anna", 4)
        assert key.opens(made.stdout.strip())
        store.write([entry(at=time.time(), key=key.id, micro=150_000)])
    assert "anna" in run("keys", "list").stdout
    used = run("usage", "--by", "key").stdout
    assert "anna" in used
    assert "$0.1500" in used
    assert run("keys", "revoke", "anna").returncode == 0
    assert "revoked" in run("keys", "list").stdout
    assert not list(shared.rglob("gateway.db")), "nothing is kept here"


def test_a_wrong_password_is_told(shared: Path, postgres: Postgres) -> None:
    (shared / "password").write_text("Tr0ub4dor")
    told = run("keys", "list")
    assert told.returncode == 1
    assert told.stderr.startswith("error: The gateway's database books_")
    assert "password authentication failed" in told.stderr
    assert "KANOA_MLOPS_BOOKS and its password" in told.stderr
    assert "Tr0ub4dor" not in told.stderr


def test_a_server_that_stopped_is_told(shared: Path, postgres: Postgres) -> None:
    postgres.stop()
    try:
        told = run("usage")
    finally:
        postgres.start()
    assert told.returncode == 1
    assert "cannot be reached" in told.stderr
    assert "Traceback" not in told.stderr


def test_limits_are_kept_where_the_books_are(shared: Path) -> None:
    limits = open_limits(load_settings())
    assert isinstance(limits, SharedLimits)
    limits.close()


def test_without_an_address_it_is_a_file(home: Path) -> None:
    with closing(open_store(load_settings())) as store:
        assert isinstance(store, SqliteStore)
    with closing(open_limits(load_settings())) as limits:
        assert isinstance(limits, SharedLimits)
    assert (home / "state" / "gateway.db").exists()


def test_what_lacks_is_told(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("psycopg", "kanoa_mlops.gateway.books.link", "kanoa_mlops.gateway.books.postgres"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match="Books in Postgres need psycopg") as found:
        open_store(load_settings())
    assert found.value.hint == "pip install 'kanoa-mlops[postgres]'"


def test_nothing_of_postgres_is_loaded_for_a_file(home: Path) -> None:
    program = (
        "import sys; from kanoa_mlops.cli.books import open_store, open_limits\n"
        "from kanoa_mlops.settings import load_settings\n"
        "open_store(load_settings()).close(); open_limits(load_settings())\n"
        "print([name for name in sys.modules if 'psycopg' in name])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
