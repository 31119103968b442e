"""Quantities with their units: read from text, printed for people.

Bytes are counted in powers of two when printed (MiB, GiB), as memory is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

_BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_RATES = {f"{unit}/s": factor for unit, factor in _BYTES.items()}
_FLOPS = {"GFLOPS": 1e9, "TFLOPS": 1e12, "PFLOPS": 1e15}
_HOUR, _DAY = 3600, 86400  # seconds
_AGES = {
    **dict.fromkeys(("h", "hour", "hours"), _HOUR),
    **dict.fromkeys(("d", "day", "days"), _DAY),
    **dict.fromkeys(("w", "week", "weeks"), 7 * _DAY),
}
_DURATIONS = {"ms": 1e-3, "s": 1, "min": 60, "h": _HOUR}
_QUANTITY = re.compile(r"^\s*(?P<number>\d[\d_]*(?:\.\d+)?)\s*(?P<unit>[A-Za-z]+(?:/s)?)\s*$")
_DOLLARS = re.compile(r"^\s*(?P<number>\d+(?:\.\d+)?) ?(?P<unit>\$(?:/Mtok)?)\s*$")


def parse_bytes(text: str) -> int:
    """'98362432 B' or '1.5 GiB' to bytes.

    Raises:
        ValueError: the unit is missing or is not one of size.
    """
    return round(_parse(text, _BYTES, "a size", "98362432 B"))


def parse_tokens(text: str) -> int:
    """'8192 tokens' to 8192.

    Raises:
        ValueError: the unit is missing or is not tokens.
    """
    return round(_parse(text, {"tokens": 1}, "a number of tokens", "8192 tokens"))


def parse_rate(text: str) -> float:
    """'960 GB/s' to bytes a second.

    Raises:
        ValueError: the unit is missing or is not one of size a second.
    """
    return _parse(text, _RATES, "a rate", "960 GB/s")


def parse_flops(text: str) -> float:
    """'113 TFLOPS' to operations a second.

    Raises:
        ValueError: the unit is missing or is not one of operations a second.
    """
    return _parse(text, _FLOPS, "a number of operations a second", "113 TFLOPS")


def parse_age(text: str) -> float:
    """'30d', '12h' or '2 weeks' to seconds.

    Raises:
        ValueError: the unit is missing or is not one of hours, days or weeks.
    """
    return _parse(text, _AGES, "a length of time", "30d")


def parse_duration(text: str) -> float:
    """'10 s', '500 ms' or '2 min' to seconds.

    Raises:
        ValueError: the unit is missing or is not one of time up to hours.
    """
    return _parse(text, _DURATIONS, "a duration", "10 s")


def parse_dollars(text: str) -> Decimal:
    """'0.10 $' to dollars.

    Raises:
        ValueError: the unit is missing or is not dollars.
    """
    return _parse_money(text, "$", "a sum of money", "0.10 $")


def parse_token_price(text: str) -> Decimal:
    """'0.15 $/Mtok' to dollars for a million tokens.

    Raises:
        ValueError: the unit is missing or is not dollars for a million tokens.
    """
    return _parse_money(text, "$/Mtok", "a price of tokens", "0.15 $/Mtok")


def format_bytes(size: float) -> str:
    """Three significant digits: '93.8 MiB', '1.20 GiB', '512 B'."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        value = size / _BYTES[unit]
        if value >= 1:
            decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
            return f"{value:.{decimals}f} {unit}"
    return f"{size:.0f} B"


def format_rate(rate: float) -> str:
    """In powers of ten, as data sheets do: '960 GB/s', '1.79 TB/s'."""
    return f"{rate / 1e12:.2f} TB/s" if rate >= 1e12 else f"{rate / 1e9:.3g} GB/s"


def format_duration(seconds: float) -> str:
    """'0.35 s', '12 s', '3 min 20 s', '2 h 5 min'."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def format_age(seconds: float) -> str:
    """How long ago, coarsely: 'now', '5 h', '12 days'."""
    if seconds < _HOUR:
        return "now"
    if seconds < 2 * _DAY:
        return f"{seconds / _HOUR:.0f} h"
    return f"{seconds / _DAY:.0f} days"


def _parse(text: str, units: Mapping[str, float], what: str, example: str) -> float:
    match = _QUANTITY.match(text) if isinstance(text, str) else None
    if match is None or match["unit"] not in units:
        raise ValueError(f"{text!r} is not {what}; write it with its unit, as in '{example}'")
    return float(match["number"].replace("_", "")) * units[match["unit"]]


def _parse_money(text: str, unit: str, what: str, example: str) -> Decimal:
    match = _DOLLARS.match(text) if isinstance(text, str) else None
    if match is None or match["unit"] != unit:
        raise ValueError(f"{text!r} is not {what}; write it with its unit, as in '{example}'")
    return Decimal(match["number"])
