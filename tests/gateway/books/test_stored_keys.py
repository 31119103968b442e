"""Keys in the database, changed by one process and seen by another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kanoa_mlops.errors import UnknownKey, UserError
from kanoa_mlops.gateway.books.key import KeyLimits, new_key
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from tests.gateway.books.places import Stored

ALL = KeyLimits(60, 90_000, 4, 2_500_000, 20_000_000, ("qwen*", "gpt-oss-20b"), True)


def test_a_key_comes_back_as_it_was(store: Stored, other: Stored) -> None:
    full, _ = new_key("anna", 1000.5, expires=2000.25, limits=ALL)
    plain, _ = new_key("ben", 1001.0)
    store.add_key(plain)
    store.add_key(full)
    assert other.all_keys() == [full, plain], "the oldest first"


def test_the_text_is_nowhere_in_the_files(tmp_path: Path) -> None:
    key, text = new_key("anna", 1000.0)
    store = SqliteStore(tmp_path / "gateway.db")
    store.add_key(key)
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert key.digest in held, "the test looks where keys are kept"
    assert text[-43:].encode() not in held
    store.close()


def test_a_name_is_given_once_until_it_is_revoked(store: Stored) -> None:
    first, _ = new_key("anna", 1000.0)
    second, _ = new_key("anna", 1001.0)
    store.add_key(first)
    with pytest.raises(UserError, match="There is a key called 'anna' already") as found:
        store.add_key(second)
    assert "keys list" in found.value.hint
    store.revoke_key(first.id, 1002.0)
    store.add_key(second)
    assert [(each.id, each.revoked) for each in store.all_keys()] == [(first.id, 1002.0), (second.id, None)]


def test_revoked_is_revoked_for_good(store: Stored) -> None:
    key, _ = new_key("anna", 1000.0)
    store.add_key(key)
    store.revoke_key(key.id, 1002.0)
    store.revoke_key(key.id, 1009.0)
    assert store.all_keys() == [replace(key, revoked=1002.0)]


def test_a_key_that_is_not_there_cannot_be_revoked(store: Stored) -> None:
    with pytest.raises(UnknownKey, match="There is no key '0badcafe'"):
        store.revoke_key("0badcafe", 0.0)


def test_what_others_change_is_noticed_and_what_oneself_does_is_not(store: Stored, other: Stored) -> None:
    assert not store.changed()
    key, _ = new_key("anna", 1000.0)
    other.add_key(key)
    assert store.changed()
    assert not store.changed()
    store.revoke_key(key.id, 1001.0)
    assert not store.changed()
    assert other.changed()
