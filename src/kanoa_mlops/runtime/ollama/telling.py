"""A pull told in one sentence, for where nobody sees a bar."""

from __future__ import annotations

from collections.abc import Callable

from kanoa_mlops.units import format_bytes

_STEP = 20
"""Sentences a layer."""


class Telling:
    """A `PullWatch` that says how far it is, now and then."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._what = ""
        self._total = 1
        self._completed = 0
        self._said = -1

    def start(self, what: str, total_bytes: int, already: int) -> None:
        self._what, self._total, self._completed, self._said = what, total_bytes, already, -1
        self._say()

    def advance(self, count: int) -> None:
        self._completed += count
        self._say()

    def note(self, message: str) -> None:
        self._tell(message)

    def finish(self) -> None:
        pass

    def _say(self) -> None:
        step = self._completed * _STEP // self._total
        if step != self._said:
            self._said = step
            self._tell(
                f"fetching {self._what}: {format_bytes(self._completed)} of {format_bytes(self._total)}"
            )
