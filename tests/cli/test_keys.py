"""`keys`, as a person runs it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from kanoa_mlops.gateway.books.key import KeyLimits, id_of
from kanoa_mlops.gateway.books.keyring import Keyring
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from tests.cli.test_plan import run
from tests.gateway.books.making import entry

ALL = (
    "--requests-per-minute=60",
    "--tokens-per-minute=90000",
    "--parallel=4",
    "--dollars-per-day=2.50",
    "--dollars-per-month=$20",
    "--model=qwen*",
    "--model=gpt-oss-20b",
    "--burst",
)


@pytest.fixture
def books(home: Path) -> Path:
    return home / "state" / "gateway.db"


def keyring(books: Path) -> Keyring:
    store = SqliteStore(books)
    ring = Keyring(store.all_keys())
    store.close()
    return ring


def test_a_key_is_printed_alone_and_opens(books: Path) -> None:
    made = run("keys", "add", "anna", *ALL)
    assert made.returncode == 0, made.stderr
    text = made.stdout.removesuffix("\n")
    key = keyring(books).find(text)
    assert key is not None
    assert (key.name, key.expires) == ("anna", None)
    assert key.limits == KeyLimits(60, 90_000, 4, 2_500_000, 20_000_000, ("qwen*", "gpt-oss-20b"), True)
    assert made.stderr == (
        f"This is the key of anna, shown once. Its id is {key.id}; 60 req/min, 90000 tok/min, 4 at once, "
        "$2.50/day, $20.00/month, only qwen* gpt-oss-20b, burst.\n"
    )
    assert text not in made.stderr
    again = run("keys", "list", "--json").stdout + run("keys", "list").stdout
    assert text[-43:] not in again, "it is shown once"


def test_without_a_word_it_is_not_limited_and_does_not_burst(books: Path) -> None:
    text = run("keys", "add", "ben").stdout.strip()
    key = keyring(books).find(text)
    assert key is not None
    assert key.limits == KeyLimits()


def test_an_end_is_a_time_from_now(books: Path) -> None:
    before = time.time()
    text = run("keys", "add", "anna", "--expires", "30d").stdout.strip()
    key = keyring(books).find(text)
    assert key is not None
    assert key.expires is not None
    assert before + 30 * 86400 <= key.expires <= time.time() + 30 * 86400


def test_the_list_for_people_and_for_programs(books: Path) -> None:
    shown = run("keys", "list")
    assert (shown.returncode, shown.stdout) == (0, "")
    assert shown.stderr == "There is no key yet. `kanoa-mlops keys add NAME` makes one.\n"
    anna = id_of(run("keys", "add", "anna", *ALL).stdout.strip())
    ben = id_of(run("keys", "add", "ben").stdout.strip())
    assert anna is not None
    store = SqliteStore(books)
    store.write([entry("a", key=anna, at=time.time(), micro=1_230_000)])
    store.close()
    assert run("keys", "revoke", "ben").returncode == 0
    lines = [line.split() for line in run("keys", "list").stdout.splitlines()]
    assert ["ID", "NAME", "MADE", "STATE", "THIS", "MONTH", "LIMITS"] in lines
    assert [anna, "anna", "now", "good", "$1.23", "60", "req/min,"] in [line[:7] for line in lines]
    assert [ben, "ben", "now", "revoked", "$0.00", "no", "burst"] in lines
    assert all(len(line) <= 80 for line in run("keys", "list").stdout.splitlines())
    first, second = json.loads(run("keys", "list", "--json").stdout)
    assert (first["id"], first["state"], first["dollars_this_month"]) == (anna, "good", 1.23)
    assert (first["dollars_per_day"], first["models"]) == (2.5, ["qwen*", "gpt-oss-20b"])
    assert (second["id"], second["state"], second["dollars_per_day"]) == (ben, "revoked", None)


def test_limits_stand_beneath_a_name_that_leaves_no_room(home: Path) -> None:
    name = "the-notebooks-of-the-whole-second-floor"
    assert run("keys", "add", name, "--parallel", "2", "--tokens-per-minute", "9000").returncode == 0
    lines = run("keys", "list").stdout.splitlines()
    [at] = [number for number, line in enumerate(lines) if f" {name} " in line]
    assert lines[at + 1] == "   9000 tok/min, 2 at once, no burst"


def test_a_key_for_programs(books: Path) -> None:
    document = json.loads(run("keys", "add", "anna", "--json").stdout)
    key = keyring(books).find(document["key"])
    assert key is not None
    assert (document["id"], document["name"], document["may_burst"]) == (key.id, "anna", False)


@pytest.mark.parametrize("by_name", [False, True], ids=["by its id", "by its name"])
def test_revoked_for_good(books: Path, by_name: bool) -> None:
    text = run("keys", "add", "anna").stdout.strip()
    key = keyring(books).find(text)
    assert key is not None
    done = run("keys", "revoke", "anna" if by_name else key.id)
    assert done.stderr == (f"The key of anna, {key.id}, is revoked. Gateways refuse it within a second.\n")
    after = keyring(books).find(text)
    assert after is not None
    assert after.standing(time.time()) == "revoked"
    assert run("keys", "add", "anna").returncode == 0, "its name is free again"
    [other] = json.loads(run("keys", "list", "--json").stdout)[1:]
    for end in ("Gateways refuse it within a second.", "So it was before."):
        done = run("keys", "revoke", "anna")
        assert (done.returncode, done.stderr) == (0, f"The key of anna, {other['id']}, is revoked. {end}\n")
    assert f"{key.id}, is revoked. So it was before." in run("keys", "revoke", key.id).stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["add", "anna", "--dollars-per-day", "two"], "'two' is not a sum of dollars"),
        (["add", "anna", "--dollars-per-day", ".50"], "'.50' is what a shell leaves of $2.50"),
        (["add", "anna", "--dollars-per-month", "0"], "'0' is what a shell leaves of $20"),
        (["add", "anna", "--requests-per-minute", "0"], "0 is not in the range x>=1"),
        (["add", "anna", "--expires", "soon"], "'soon' is not a length of time"),
        (["add", " "], "error: ' ' is no name for a key."),
        (["revoke", "nobody"], "error: There is no key 'nobody'.\n`kanoa-mlops keys list` shows all.\n"),
        (["add"], "Missing argument 'NAME'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_named(home: Path, arguments: list[str], complaint: str) -> None:
    refused = run("keys", *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert complaint in refused.stderr


def test_a_name_is_given_once(home: Path) -> None:
    run("keys", "add", "anna")
    refused = run("keys", "add", "anna")
    assert refused.returncode == 1
    assert "There is a key called 'anna' already." in refused.stderr


@pytest.mark.parametrize("command", [["keys", "list"], ["keys", "add", "anna"], ["usage"]], ids=" ".join)
def test_a_damaged_file_is_no_traceback(books: Path, command: list[str]) -> None:
    books.parent.mkdir()
    books.write_text("a letter to a friend " * 100)
    refused = run(*command)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"error: The gateway's database {books} is damaged")
