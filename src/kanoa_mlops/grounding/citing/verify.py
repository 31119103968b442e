"""Whether the numbers of a sentence stand in what it cites.

Every number, with its unit where it has one, must be there as written, but for its formatting. Where the
sentence says that it is rounded ("about", "~", "nearly", "over") it may differ by half of its last digit, and
by a tenth at most. A unit that the source leaves out, as tables do, is not missed; another unit is.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cached_property

from kanoa_mlops.grounding.citing.quantities import Quantity, find_quantities

_MOST_OFF = Decimal("0.1")
_POINT = re.compile(r"^[ \t>]*(?:[-*+][ \t]+)?(?:\*\*)?\d{1,3}[.)](?=\s)", re.M)
_PARTED = re.compile(r"(?<=\d)[, \u00a0\u202f\u2009'](?=\d)")
_MOST_READ = 500_000
"""Characters of one source; what is behind them is not looked at."""


class Evidence:
    """The numbers of one text, each with the units it has there. Read when it is first asked."""

    def __init__(self, text: str) -> None:
        self._text = text[:_MOST_READ]

    def read(self) -> None:
        """Now, by whoever has the time: half a million characters take some seconds."""
        _ = self._sorted

    def has(self, stated: Quantity) -> bool:
        if any(self._fits(stated, value) for value in stated.values):
            return True
        return stated.is_about and any(self._is_near(stated, value) for value in stated.values)

    def _fits(self, stated: Quantity, value: Decimal) -> bool:
        units = self._units.get(value)
        return units is not None and (not stated.unit or not units.isdisjoint(("", stated.unit)))

    def _is_near(self, stated: Quantity, value: Decimal) -> bool:
        half = Decimal(5).scaleb(stated.places - 1)
        at = bisect_left(self._sorted, value - half)
        while at < len(self._sorted) and (other := self._sorted[at]) <= value + half:
            if abs(value - other) <= abs(other) * _MOST_OFF and self._fits(stated, other):
                return True
            at += 1
        return False

    @cached_property
    def _units(self) -> dict[Decimal, set[str]]:
        units: dict[Decimal, set[str]] = defaultdict(set)
        for quantity in _read(self._text):
            for value in quantity.values:
                units[value].add(quantity.unit)
        return dict(units)

    @cached_property
    def _sorted(self) -> list[Decimal]:
        return sorted(self._units)


def unsupported(sentence: str, evidence: Sequence[Evidence]) -> Iterator[Quantity]:
    """The numbers of a sentence that are in none of the sources, in their order."""
    for quantity in stated(sentence):
        if not any(each.has(quantity) for each in evidence):
            yield quantity


def stated(sentence: str) -> Iterator[Quantity]:
    """Its numbers, without those that only count the points of a list."""
    points = {match.end() for match in _POINT.finditer(sentence)}
    for quantity in find_quantities(sentence):
        # The point's own dot or bracket follows it.
        if quantity.end + 1 not in points:
            yield quantity


def _read(text: str) -> Iterator[Quantity]:
    for quantity in find_quantities(text):
        yield quantity
        # Cells of a table and of CSV look like thousands: "1,120,300" may be three numbers.
        parts = _PARTED.split(quantity.text)
        if len(parts) > 1:
            last = len(parts) - 1
            for at, part in enumerate(parts):
                for each in find_quantities(part):
                    yield each if at == last else replace(each, unit="")
