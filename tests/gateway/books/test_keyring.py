"""Keys, as a request meets them."""

from __future__ import annotations

from dataclasses import replace

from kanoa_mlops.gateway.books.key import new_key
from kanoa_mlops.gateway.books.keyring import Keyring


def test_a_key_is_found_by_its_text() -> None:
    pairs = [new_key(f"key {number}", 0.0) for number in range(50)]
    ring = Keyring(key for key, _ in pairs)
    assert [ring.find(text) for _, text in pairs] == [key for key, _ in pairs]
    assert len(ring) == 50


def test_another_secret_behind_a_known_id_is_nobodys() -> None:
    key, text = new_key("anna", 0.0)
    _, other = new_key("anna", 0.0)
    forged = text[:15] + other[15:]
    assert forged.startswith(f"kanoa-{key.id}-")
    assert Keyring([key]).find(forged) is None


def test_what_is_no_key_is_nobodys() -> None:
    ring = Keyring([new_key("anna", 0.0)[0]])
    assert [ring.find(text) for text in ("", "sk-1234", "kanoa-", "kanoa-" + "0" * 52)] == [None] * 4


def test_revoked_keys_are_still_known_for_what_they_are() -> None:
    key, text = new_key("anna", 0.0)
    ring = Keyring([key])
    assert ring.any_good(1.0)
    ring.replace([replace(key, revoked=5.0)])
    found = ring.find(text)
    assert found is not None
    assert found.standing(6.0) == "revoked"
    assert not ring.any_good(6.0)
    ring.replace([])
    assert ring.find(text) is None
