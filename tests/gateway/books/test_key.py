"""A key's text, what is kept of it, and what it allows."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.errors import UserError
from kanoa_mlops.gateway.books.key import KeyLimits, Standing, id_of, new_key


def test_a_new_key_is_an_id_and_32_random_bytes() -> None:
    key, text = new_key("anna", 1000.0)
    prefix, id, secret = text.split("-", 2)
    assert (prefix, id) == ("kanoa", key.id)
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    assert id_of(text) == key.id
    assert new_key("anna", 1000.0)[1] != text


def test_only_a_hash_is_kept() -> None:
    key, text = new_key("anna", 1000.0)
    assert key.digest == hashlib.sha256(text.encode()).digest()
    assert text[20:] not in repr(key)
    assert repr(key.digest) not in repr(key)


def test_it_opens_with_its_own_text_alone() -> None:
    key, text = new_key("anna", 1000.0)
    other, _ = new_key("anna", 1000.0)
    assert key.opens(text)
    assert not other.opens(text)
    last = "A" if text[-1] != "A" else "B"
    assert not key.opens(text[:-1] + last)


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_anything_may_be_given_as_a_key(text: str) -> None:
    found = id_of(text)
    assert found is None or (len(text) == 58 and text.startswith("kanoa-"))


def test_what_looks_like_one_but_is_not_ascii_is_none() -> None:
    assert id_of("kanoa-" + "é" * 52) is None
    assert id_of("kanoa-" + "\udcff" * 52) is None


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 65, "\x1b[31m"])
def test_a_name_can_be_printed(name: str) -> None:
    with pytest.raises(UserError, match="is no name for a key"):
        new_key(name, 0.0)


def test_until_when_it_is_good() -> None:
    key, _ = new_key("anna", 1000.0, expires=2000.0)
    assert key.standing(1999.9) is Standing.GOOD
    assert key.standing(2000.0) is Standing.EXPIRED
    assert new_key("anna", 1000.0)[0].standing(1e12) is Standing.GOOD


@pytest.mark.parametrize(
    ("patterns", "model", "allowed"),
    [
        ((), "anything", True),
        (("gemma-3-12b-it",), "gemma-3-12b-it", True),
        (("gemma-3-12b-it",), "GEMMA-3-12B-IT", True),
        (("gemma-3-12b-it",), "gemma-3-12b-it-qat", False),
        (("Qwen*", "gpt-oss-20b"), "qwen3-vl-4b", True),
        (("qwen*", "gpt-oss-20b"), "gpt-oss-120b", False),
    ],
)
def test_which_models_it_allows(patterns: tuple[str, ...], model: str, allowed: bool) -> None:
    key, _ = new_key("anna", 0.0, limits=KeyLimits(models=patterns))
    assert key.allows(model) is allowed
