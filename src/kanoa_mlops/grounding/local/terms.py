"""What a text is found by.

Numbers stay whole and have one spelling, units and Greek letters are words, an identifier is found whole and
by its parts, and scripts without spaces by each letter and each two in a row, as Lucene's CJK analyzer does.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from zlib import crc32

from kanoa_mlops.grounding.local.stem import stem

# Optional in their scripts: Latin, Greek and Cyrillic accents, Hebrew and Arabic vowels; and the soft hyphen.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u00ad]")
_EXPONENT = re.compile(r"(?<=\d)(?=[⁰¹²³⁴-⁹⁺⁻₀-₉])")
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana, Han
    "\uac00-\ud7af"  # Hangul, whose words have endings
)
_LETTER = rf"(?:[^\W\d_{_SPACELESS}]|[\u0900-\u0dff])"  # in Indian scripts marks are vowels
_PAIRED = re.compile(f"[{_SPACELESS}]+")
_TOKEN = re.compile(
    rf"[{_SPACELESS}]+|\d+(?:[.,]\d+)*(?:[eE][+-]?\d+(?!\w))?"
    rf"|{_LETTER}(?:{_LETTER}|[\d_]|\.(?={_LETTER}))*"
)
_SEAM = re.compile(r"[_.]+|(?<=[a-z]{2})(?=[A-Z][A-Za-z])")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DECIMAL = re.compile(r"\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")
_USUAL = 64  # letters of a token; longer ones are not remembered


def counts(text: str) -> dict[int, int]:
    """How often it says each term, by the term's hash.

    Of 32 bits: where a million different terms are held, one in four thousand asked for is taken for another.
    """
    counted: dict[int, int] = {}
    for token, times in Counter(_TOKEN.findall(_plain(text))).items():
        for hash in _remembered(token) if len(token) <= _USUAL else map(_hash, terms(token)):
            counted[hash] = counted.get(hash, 0) + times
    return counted


def terms(token: str) -> Iterator[str]:
    """What one word, number or run of a script without spaces is found by."""
    if token[0].isdecimal():
        yield _number(token)
    elif _PAIRED.match(token):
        yield from token
        yield from (token[at : at + 2] for at in range(len(token) - 1))
    else:
        parts = [part.casefold() for part in _SEAM.split(token) if part]
        yield from map(stem, parts)
        if len(parts) > 1:
            yield token.casefold()


@lru_cache(maxsize=2**17)
def _remembered(token: str) -> tuple[int, ...]:
    return tuple(map(_hash, terms(token)))


def _hash(term: str) -> int:
    return crc32(term.encode("utf-8", "surrogatepass"))


def _plain(text: str) -> str:
    """One spelling of the same letters: µ and μ, full and half width, with and without accents."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", _EXPONENT.sub(" ", text))
    return unicodedata.normalize("NFC", _MARKS.sub("", apart))


def _number(token: str) -> str:
    """0.050 and 5e-2 are one number; what is none (1.2.3, 1,5) is taken as it is written."""
    if _THOUSANDS.fullmatch(token):
        token = token.replace(",", "")
    if not _DECIMAL.fullmatch(token):
        return token.lower()
    return str(Decimal(token).normalize()).lower()
