"""Whether the numbers of a sentence stand in what it cites.

Every number, with its unit where it has one, must be there as written, but for its formatting. Where the
sentence says that it is rounded ("about", "~", "nearly", "over") it may differ by half of its last digit, and
by a tenth at most. A unit that the source leaves out, as tables do, is not missed; another unit is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from kanoa_mlops.grounding.citing.quantities import Quantity, find_quantities

_MOST_OFF = Decimal("0.1")
_POINT = re.compile(r"^[ \t>]*(?:[-*+][ \t]+)?(?:\*\*)?\d{1,3}[.)](?=\s)", re.M)
_PARTED = re.compile(r"(?<=\d)[, \u00a0\u202f\u2009'](?=\d)")


def unsupported(sentence: str, evidence: Sequence[Quantity]) -> Iterator[Quantity]:
    """The numbers of a sentence that are in none of the sources, in their order."""
    for quantity in stated(sentence):
        if not any(_is(quantity, other) for other in evidence):
            yield quantity


def stated(sentence: str) -> Iterator[Quantity]:
    """Its numbers, without those that only count the points of a list."""
    points = [match.span() for match in _POINT.finditer(sentence)]
    for quantity in find_quantities(sentence):
        if not any(start <= quantity.start < end for start, end in points):
            yield quantity


def evidence_of(texts: Iterable[str]) -> tuple[Quantity, ...]:
    return tuple(quantity for text in texts for quantity in _read(text))


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


def _is(stated: Quantity, found: Quantity) -> bool:
    if stated.unit and found.unit and stated.unit != found.unit:
        return False
    if stated.values & found.values:
        return True
    if not stated.is_about:
        return False
    half = Decimal(5).scaleb(stated.places - 1)
    return any(abs(a - b) <= min(half, abs(b) * _MOST_OFF) for a in stated.values for b in found.values)
