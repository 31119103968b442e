"""Where sentences end."""

from __future__ import annotations

import re

_END = re.compile(
    r"(?<=[.!?])[\"')\]\u201d\u2019]*\s+(?=[\"'(\[\u201c\u2018]?[^\Wa-z_])|(?<=[\u3002\uff01\uff1f])"
    r"|\n(?=\s*(?:[-*+\u2022]|\d+[.)])\s)"
)
_ABBREVIATED = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|al|etc|approx|ca|no|nos|fig|figs|eq|eqs|ref|refs|sec|tab|vol|pp|dr|mr|mrs|prof|st|inc)"
    r"|\b[A-Z])\.$",
    re.IGNORECASE,
)


def sentences(paragraph: str) -> list[str]:
    """Together, with what is between them, they are the paragraph; white space at their ends is lost."""
    found: list[str] = []
    start = 0
    for match in _END.finditer(paragraph):
        if _ABBREVIATED.search(paragraph, max(start, match.start() - 8), match.start()):
            continue
        found.append(paragraph[start : match.end()].strip())
        start = match.end()
    found.append(paragraph[start:].strip())
    return [each for each in found if each]
