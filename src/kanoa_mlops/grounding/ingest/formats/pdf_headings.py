"""Which lines of a PDF are headings: by the size of their letters against that of most of the text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from kanoa_mlops.grounding.ingest.formats.pdf_lines import Line

_LARGER = 1.12
_LONGEST = 150  # letters
_LEVELS = 6
_NUMBERED = re.compile(r"(\d+(?:\.\d+)*)\.?\s+[^\W\d]")


class Typography:
    """Of a whole document."""

    def __init__(self, lines: Iterable[Line]) -> None:
        letters: Counter[float] = Counter()
        for line in lines:
            letters[round(line.size, 1)] += len(line.text)
        self._body = letters.most_common(1)[0][0] if letters else 0.0
        larger = sorted((size for size in letters if size >= _LARGER * self._body), reverse=True)
        self._levels = {size: min(level, _LEVELS) for level, size in enumerate(larger, start=1)}

    def level(self, line: Line) -> int | None:
        """From 1; None where it is no heading."""
        if len(line.text) > _LONGEST or sum(letter.isalpha() for letter in line.text) < 3:
            return None
        level = self._levels.get(round(line.size, 1))
        if level is not None:
            return level
        numbered = _NUMBERED.match(line.text)
        if (
            line.bold
            and numbered
            and round(line.size, 1) >= self._body
            and not line.text.endswith((".", ",", ";"))
        ):
            return min(_LEVELS, len(self._levels) + numbered[1].count(".") + 1)
        return None
