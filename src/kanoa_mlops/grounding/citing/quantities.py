"""Numbers with their units, as they are written in prose, tables and figures.

Normalised are digits in groups (1,234.5; 1 234.5; 1'234.5), powers (1.2e3; 1.2 x 10^3; 1.2 x 10³), signs, the
spelling of units (µ and μ, % and percent, °C) and the space before them. Units are compared, never converted:
0.5 mm and 500 µm are two things here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

_MINUS = "\u2212\u2010\u2011\u2012\ufe63\uff0d"
_SPACES = "\u00a0\u2007\u2009\u202f"
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_DIGITS = rf"\d{{1,3}}(?:[,'\u2019 {_SPACES}]\d{{3}})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+"
_POWER = (
    rf"[eE][-+{_MINUS}]?\d+"
    rf"|\s?[x\u00d7*\u00b7]\s?10(?:\^\{{?[-+{_MINUS}]?\d+\}}?|[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|\*\*[-+]?\d+)"
)
_PREFIXES = "[QRYZEPTGMkhdcmunpf\u00b5\u03bc]"
_PREFIXED = (
    "m|g|s|A|K|mol|cd|Hz|N|Pa|J|W|C|V|F|S|Wb|T|H|lm|lx|Bq|Gy|Sv|eV|L|l|bar|B|b|\u2126|\u03a9|Ohm|ohm|cal|pc|Da|"
    "M|U|Ah|Wh|FLOPS|FLOP|bits?|bytes?|rad"
)
# Without those that are words of English too: "in", "a", "at".
_ALONE = (
    "t|dBm?|dex|mag|ly|min|hrs?|h|d|yr|ft|yd|mi|mph|lbs?|oz|psi|rpm|ppm|ppb|sr|px|[KMGT]iB|tok|tokens|sigma|"
    "\u03c3|deg"
)
_UNIT_WORDS = {
    "percent": "%",
    "percentage": "%",
    "per cent": "%",
    "pct": "%",
    "degrees": "°",
    "degree": "°",
    "deg": "°",
    "celsius": "°C",
    "kelvin": "K",
    "seconds": "s",
    "second": "s",
    "sec": "s",
    "minutes": "min",
    "minute": "min",
    "hours": "h",
    "hour": "h",
    "hr": "h",
    "hrs": "h",
    "days": "d",
    "day": "d",
    "years": "yr",
    "year": "yr",
    "metres": "m",
    "meters": "m",
    "metre": "m",
    "meter": "m",
    "ohm": "Ω",
    "ohms": "Ω",
    "dollars": "$",
    "dollar": "$",
    "usd": "$",
    "euros": "€",
    "euro": "€",
    "eur": "€",
    "sigma": "\u03c3",
    "l": "L",
}
_WORDS = "|".join(sorted((word for word in _UNIT_WORDS if len(word) > 1), key=len, reverse=True))
_ONE = rf"(?:{_PREFIXES}?(?:{_PREFIXED})|{_ALONE})(?:\^?-?\d|[⁻⁺]?[²³¹⁰⁴])?"
_UNIT = (
    rf"%|‰|°\s?[CF]?\b|°|[$€£¥](?!\d)|(?i:{_WORDS})\b"
    rf"|{_ONE}(?:\s?[/·*]\s?{_ONE}|\s{_ONE}(?=[-⁻\d]))*(?![A-Za-z0-9µμΩ])"
)
# Found by its first digit, and looked at from there: one expression for all of it tries every letter.
_DIGIT = re.compile(r"\.?\d")
_REST = re.compile(
    rf"(?P<digits>{_DIGITS})(?P<power>{_POWER})?(?!\d|\.\d)(?P<gap>[ \t{_SPACES}-]?(?:{_UNIT}))?"
)
_MONEY = "$\u20ac\u00a3\u00a5"
_LONGEST = 40
"""Characters of a number; longer ones are no measurement."""
_ABOUT = re.compile(
    r"(?:\b(?:about|approximately|approx\.?|around|roughly|nearly|almost|circa|ca\.?|some|over|under|"
    r"more than|less than|just (?:over|under|above|below)|close to|up to|at (?:least|most)|ungefähr|etwa)|"
    r"[~\u2248\u223c\u2243])\s*$",
    re.I,
)
_LOOKED_BACK = 24
"""Characters, in which the longest of these words has room."""
_GROUPED = re.compile(rf"[,'\u2019 {_SPACES}](?=\d{{3}})")


@dataclass(frozen=True)
class Quantity:
    """A number as it stands in a text."""

    start: int
    end: int
    """In characters."""
    text: str
    """As it is written, unit and all."""
    values: frozenset[Decimal]
    """What it can mean: a comma before three digits may part thousands or be a decimal one."""
    unit: str
    """In one spelling; empty where none follows."""
    is_about: bool
    """It is said to be rounded: "about", "~"."""

    @property
    def places(self) -> int:
        """The power of ten of its last digit that says something: -1 of 2.5, 1 of 120."""
        return max(_last_place(value) for value in self.values)


def find_quantities(text: str) -> Iterator[Quantity]:
    """In the order of the text. Not those in a word or name, as in `ISO9001` or `v2.1`."""
    end = 0
    for first in _DIGIT.finditer(text):
        at = first.start()
        if at < end or (at and (text[at - 1].isalnum() or text[at - 1] in "_.^")):
            continue
        match = _REST.match(text, at)
        if match is None or len(match["digits"]) > _LONGEST:
            continue
        start, sign, money = _lead(text, at)
        values = _values(match["digits"], sign, _power(match["power"] or ""))
        # What is followed by letters at once, and they are no unit, is a name: 3D, 2nd.
        is_name = not match["gap"] and _is_letter(text, match.end())
        if not values or is_name:
            continue
        end = match.end()
        unit = _unit((match["gap"] or "").lstrip(" \t-" + _SPACES)) or _unit(money)
        is_about = bool(_ABOUT.search(text[max(0, start - _LOOKED_BACK) : start]))
        yield Quantity(start, end, text[start:end].strip(), values, unit, is_about)


def _lead(text: str, at: int) -> tuple[int, str, str]:
    """Where sign and currency before a number begin, and what they are; a dash between two things is none."""
    start, money = at, ""
    if start and text[start - 1] in _MONEY:
        start, money = start - 1, text[start - 1]
    if start and text[start - 1] in f"-+{_MINUS}":
        before = text[start - 2] if start > 1 else " "
        if not (before.isalnum() or before in "_)]%"):
            sign = "" if text[start - 1] == "+" else "-"
            return start - 1, sign, money
    return start, "", money


def _is_letter(text: str, at: int) -> bool:
    return at < len(text) and (text[at].isalpha() or text[at] == "_")


def _values(digits: str, sign: str, power: int) -> frozenset[Decimal]:
    readings = set()
    if grouped := _GROUPED.search(digits):
        readings.add(_GROUPED.sub("", digits))
    if digits.count(",") == 1 and "." not in digits:
        readings.add(digits.replace(",", "."))
    elif not grouped:
        readings.add(digits)
    values = set()
    for reading in readings:
        try:
            values.add(Decimal(f"{sign}{reading}").scaleb(power))
        except (InvalidOperation, ValueError):
            continue
    return frozenset(values)


def _power(written: str) -> int:
    if not written:
        return 0
    plain = written.translate(_SUPERSCRIPTS)
    for minus in _MINUS:
        plain = plain.replace(minus, "-")
    exponent = re.search(r"(?:[eE]|10(?:\^\{?|\*\*)?)([-+]?\d+)\}?$", plain)
    value = int(exponent[1]) if exponent else 0
    return value if abs(value) < 1000 else 0


def _unit(written: str) -> str:
    if not written:
        return ""
    lower = re.sub(r"\s+", " ", written.lower())
    if lower in _UNIT_WORDS and (written.islower() or len(written) > 2):
        return _UNIT_WORDS[lower]
    plain = written.replace("\u03bc", "\u00b5").replace("\u2126", "\u03a9").translate(_SUPERSCRIPTS)
    plain = re.sub(r"\s+", "" if "/" in plain or "°" in plain or "*" in plain else " ", plain)
    return plain.replace("^", "").replace("Ohm", "Ω").replace("ohm", "Ω")


def _last_place(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
