"""Lines of a page, and how they make paragraphs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_SHORT = 0.8  # of a usual line: where a paragraph ends
_ENDS = (".", ":", "!", "?", "\u3002")
_BROKEN_WORD = re.compile(r"(?<=\w)[-\u00ad\ufffe\x02]$")
_LIGATURES = str.maketrans(
    {
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\u00ad": "",
        "\ufffe": "",
    }
)


@dataclass(frozen=True)
class Line:
    text: str
    size: float
    """Of its letters, in points."""
    bold: bool
    x: float
    y: float
    """Of its first letter, in points from the lower left corner of the page."""


def paragraphs(lines: Sequence[Line]) -> str:
    """With an empty line between them."""
    if not lines:
        return ""
    usual = median(len(line.text) for line in lines)
    text = ""
    for index, line in enumerate(lines):
        text += line.text.strip()
        if index == len(lines) - 1:
            break
        following = lines[index + 1].text.lstrip()
        if _BROKEN_WORD.search(text) and following[:1].islower():
            text = text[:-1]
        elif text.endswith(_ENDS) and len(line.text) < _SHORT * usual:
            text += "\n\n"
        else:
            text += "\n" if _is_cell(line.text) else " "
    return text.translate(_LIGATURES).replace("\x02", "-")


def _is_cell(text: str) -> bool:
    """Ticks of an axis, cells of a table: no running text."""
    return len(text.split()) <= 1
