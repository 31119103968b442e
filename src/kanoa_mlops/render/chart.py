"""Bars of letters, for a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_PARTS = " ▏▎▍▌▋▊▉█"
"""Eighths of a letter, from none to a whole one."""


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    shown: str
    """The value, in words."""


def chart(bars: Sequence[Bar], width: int) -> list[str]:
    """A line for each, the longest as wide as there is room. A value above zero is never invisible."""
    if not bars:
        return []
    labels = max(len(each.label) for each in bars)
    room = width - labels - max(len(each.shown) for each in bars) - 2
    most = max(each.value for each in bars) or 1
    return [f"{each.label:{labels}} {_line(each.value / most, room):{room}} {each.shown}" for each in bars]


def _line(share: float, room: int) -> str:
    eighths = max(round(share * room * 8), 1 if share > 0 else 0)
    whole, part = divmod(eighths, 8)
    return _PARTS[-1] * whole + (_PARTS[part] if part else "")
