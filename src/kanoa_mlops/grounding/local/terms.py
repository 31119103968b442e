"""What a text is found by.

Numbers stay whole and have one spelling, units and Greek letters are words, an identifier is found whole and
by its parts, and scripts without spaces by each letter and each two in a row, as Lucene's CJK analyzer does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

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
_TOKEN = re.compile(
    rf"(?P<spaceless>[{_SPACELESS}]+)"
    r"|(?P<number>\d+(?:[.,]\d+)*(?:[eE][+-]?\d+(?!\w))?)"
    rf"|(?P<name>{_LETTER}(?:{_LETTER}|[\d_]|\.(?={_LETTER}))*)"
)
_SEAM = re.compile(r"[_.]+|(?<=[a-z]{2})(?=[A-Z][A-Za-z])")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_DECIMAL = re.compile(r"\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")


def terms(text: str) -> Iterator[str]:
    """In the order of the text; what is said twice comes twice."""
    for found in _TOKEN.finditer(_plain(text)):
        token = found[0]
        match found.lastgroup:
            case "spaceless":
                yield from token
                yield from (token[at : at + 2] for at in range(len(token) - 1))
            case "number":
                yield _number(token)
            case _:
                yield from _name(token)


def _plain(text: str) -> str:
    """One spelling of the same letters: µ and μ, full and half width, with and without accents."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", _EXPONENT.sub(" ", text))
    return unicodedata.normalize("NFC", _MARKS.sub("", apart))


@lru_cache(maxsize=2**16)
def _number(token: str) -> str:
    """0.050 and 5e-2 are one number; what is none (1.2.3, 1,5) is taken as it is written."""
    if _THOUSANDS.fullmatch(token):
        token = token.replace(",", "")
    if not _DECIMAL.fullmatch(token):
        return token.lower()
    return str(Decimal(token).normalize()).lower()


@lru_cache(maxsize=2**16)
def _name(token: str) -> tuple[str, ...]:
    parts = [part for part in _SEAM.split(token) if part]
    whole = (token.casefold(),) if len(parts) > 1 else ()
    return (*(stem(part.casefold()) for part in parts), *whole)
