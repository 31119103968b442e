"""Under which headings a reader is."""

from __future__ import annotations

_LONGEST = 200  # letters; what is longer is no heading


class Headings:
    """Each stands under the nearest one before it that is of a higher level."""

    def __init__(self) -> None:
        self.title = ""
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, text: str) -> None:
        """1 is the highest."""
        text = " ".join(text.split())[:_LONGEST]
        if not text:
            return
        self.title = self.title or text
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, text))

    @property
    def path(self) -> tuple[str, ...]:
        """The outermost first."""
        return tuple(text for _, text in self._open)
