"""Bytes to text, in whatever encoding; and what was replaced on the way."""

from __future__ import annotations

import codecs
import re

from kanoa_mlops.errors import MissingExtra

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_GUESSED_FROM = 64 * 1024  # bytes
_USUAL = "cp1252"
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_IN_USE = [
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "koi8_r"),
    *("shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"),
]
_WRONG = "\ufffd"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")


def decode(data: bytes) -> tuple[str, str]:
    """The text, and a note where it was not plain UTF-8.

    Raises:
        MissingExtra: the encoding must be guessed, and what guesses is not installed.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _replacing(
                data[len(mark) :], encoding, "" if encoding == "utf-8" else f"read as {encoding}"
            )
    try:
        return data.decode(), ""
    except UnicodeDecodeError:
        pass
    if encoding := _wide(data):
        return _replacing(data, encoding, f"read as {encoding}")
    text = data.decode(errors="replace")
    wrong = text.count(_WRONG)
    # Of another encoding's letters hardly any happens to be UTF-8.
    if sum(not letter.isascii() for letter in text) - wrong > wrong:
        return text, _replaced(wrong)
    encoding = _guessed(data[:_GUESSED_FROM])
    return _replacing(data, encoding, f"read as {encoding}")


def clean(text: str) -> str:
    """Without what no database takes: NUL and its like, halves of surrogate pairs. Lines end in \\n."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub(lambda found: _WRONG if found[0] >= "\ud800" else "", text)


def _replacing(data: bytes, encoding: str, note: str) -> tuple[str, str]:
    text = data.decode(encoding, errors="replace")
    wrong = text.count(_WRONG)
    return text, "; ".join(each for each in (note, _replaced(wrong) if wrong else "") if each)


def _replaced(count: int) -> str:
    return "1 wrong byte is read as \ufffd" if count == 1 else f"{count:,} wrong bytes are read as \ufffd"


def _wide(data: bytes) -> str:
    """UTF-16 without its mark: of Latin text every other byte is 0."""
    sample = data[:_GUESSED_FROM]
    half = len(sample) // 2
    if len(data) % 2 or half < 2:
        return ""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.05 * half else ""


def _guessed(sample: bytes) -> str:
    """Letters beyond ASCII stand alone, or by two, in Latin scripts, where guesses are no better than what
    is usual; in others they make whole words.
    """
    beyond = sum(map(len, _BEYOND_ASCII.findall(sample)))
    if sum(len(word) for word in _BEYOND_ASCII.findall(sample) if len(word) > 2) <= beyond // 2:
        return _USUAL
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        raise MissingExtra(
            "A text that is no UTF-8 needs charset-normalizer.", hint="pip install 'kanoa-mlops[grounding]'"
        ) from None
    best = from_bytes(sample, cp_isolation=_IN_USE).best()
    return best.encoding if best is not None else _USUAL
