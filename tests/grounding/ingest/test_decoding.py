"""Texts of all encodings come out, and what was replaced is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanoa_mlops.grounding.ingest.decoding import clean, decode

GERMAN = "Größe und Maß der Röhre über 20 °C. "


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8_is_as_it_is(encoding: str) -> None:
    assert decode(GERMAN.encode(encoding)) == (GERMAN, "")


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32-le"),
    ],
)
def test_wide_encodings(encoding: str, note: str) -> None:
    assert decode((GERMAN * 3).encode(encoding)) == (GERMAN * 3, f"read as {note}")


@pytest.mark.parametrize("text", [GERMAN, GERMAN * 50, "Café “noir” at 5 €", "naïve"])
def test_western_encodings(text: str) -> None:
    assert decode(text.encode("cp1252")) == (text, "read as cp1252")


def test_other_scripts_are_told_by_their_letters() -> None:
    text = "Привет мир, это проверка кодировки текста. " * 5
    assert decode(text.encode("cp1251")) == (text, "read as cp1251")


def test_wrong_bytes_in_the_middle_are_counted() -> None:
    text, note = decode(GERMAN.encode() * 5 + b"\xff\xfe" + GERMAN.encode())
    assert text == GERMAN * 5 + "\ufffd\ufffd" + GERMAN
    assert note == "2 wrong bytes are read as \ufffd"


@given(st.binary(max_size=300))
def test_any_bytes_come_out_as_text_that_can_be_stored(data: bytes) -> None:
    text = clean(decode(data)[0])
    text.encode()
    assert "\0" not in text and "\r" not in text
