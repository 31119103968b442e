"""English words without their endings: Porter, An algorithm for suffix stripping, Program 14 (1980), 130-137.

Written here as what is kept in the file depends on it: another version of a library would no longer find what
this one has put there.
"""

from __future__ import annotations

import re

_WORD = re.compile("[a-z]{3,}")
_CONSONANT = "(?:[^aeiouy]|(?<![^aeiou])y|^y)"
_VOWEL = "(?:[aeiou]|(?<=[^aeiou])y)"
_MEASURE = re.compile(f"{_VOWEL}+(?!{_VOWEL}){_CONSONANT}+")
_HAS_VOWEL = re.compile(_VOWEL)
_SHORT = re.compile(f"{_CONSONANT}{_VOWEL}[^aeiouywx]$")
_TWICE = re.compile(r"([^aeioulsz])\1$")

_STEP_2 = {
    **{"ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "abli": "able"},
    **{"alli": "al", "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate"},
    **{"ator": "ate", "alism": "al", "iveness": "ive", "fulness": "ful", "ousness": "ous"},
    **{"aliti": "al", "iviti": "ive", "biliti": "ble"},
}
_STEP_3 = {
    **{"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""},
}
_STEP_4 = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism"),
    *("ate", "iti", "ous", "ive", "ize"),
)


def stem(word: str) -> str:
    """
    Args:
        word: in lower case. What is no English word is left as it is, or loses its ending wherever it stands.
    """
    if not _WORD.fullmatch(word):
        return word
    word = _step_1(word)
    word = _replaced(word, _STEP_2)
    word = _replaced(word, _STEP_3)
    return _step_5(_step_4(word))


def _step_1(word: str) -> str:
    if word.endswith("s") and not word.endswith("ss"):
        word = word[:-2] if word.endswith(("sses", "ies")) else word[:-1]
    if word.endswith("eed"):
        word = word[:-1] if _measure(word[:-3]) else word
    else:
        ending = next((each for each in ("ed", "ing") if word.endswith(each)), "")
        if ending and _HAS_VOWEL.search(word[: -len(ending)]):
            word = _mended(word[: -len(ending)])
    return word[:-1] + "i" if word.endswith("y") and _HAS_VOWEL.search(word[:-1]) else word


def _mended(word: str) -> str:
    """Of what lost -ed or -ing."""
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _TWICE.search(word):
        return word[:-1]
    return word + "e" if _measure(word) == 1 and _SHORT.search(word) else word


def _replaced(word: str, endings: dict[str, str]) -> str:
    ending = _longest(word, endings)
    left = word[: len(word) - len(ending)]
    return left + endings[ending] if ending and _measure(left) > 0 else word


def _step_4(word: str) -> str:
    ending = _longest(word, _STEP_4)
    left = word[: len(word) - len(ending)]
    if not ending or _measure(left) < 2 or (ending == "ion" and not left.endswith(("s", "t"))):
        return word
    return left


def _step_5(word: str) -> str:
    if word.endswith("e"):
        left = word[:-1]
        measure = _measure(left)
        word = left if measure > 1 or (measure == 1 and not _SHORT.search(left)) else word
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word


def _longest(word: str, endings: dict[str, str] | tuple[str, ...]) -> str:
    return max((each for each in endings if word.endswith(each)), key=len, default="")


def _measure(word: str) -> int:
    """How many times vowels are followed by consonants."""
    return len(_MEASURE.findall(word))
