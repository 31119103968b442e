"""What somebody may have meant: the one rule for every "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ALIKE = 0.6
"""From 0 to 1; below it, short names are alike that only share two letters with some other."""
_AS_ALIKE = 0.1
"""By so much others may be less like it than the nearest, and are still offered beside it."""
_SHORTEST = 2
"""Letters from which on the beginning of a name stands for it."""
_MOST = 3


def nearest_names(name: str, names: Iterable[str]) -> list[str]:
    """At most three that begin like this one in any case, or else are spelled much like it; nearest first."""
    spelled = {each.lower(): each for each in names}
    wanted = name.strip().lower()
    longer = [each for each in spelled if len(wanted) >= _SHORTEST and each.startswith(wanted)]
    near = sorted(longer, key=len)[:_MOST] or _spelled_alike(wanted, spelled)
    return [spelled[each] for each in near]


def meant(name: str, names: Iterable[str]) -> str:
    """The question; '' where nothing is like it."""
    near = nearest_names(name, names)
    return f"Did you mean {' or '.join(near)}?" if near else ""


def _spelled_alike(wanted: str, names: Iterable[str]) -> list[str]:
    # Of a name of any length it measures few: most are out by their lengths and letters alone.
    near = difflib.get_close_matches(wanted, names, _MOST, _ALIKE)
    likeness = [difflib.SequenceMatcher(None, each, wanted).ratio() for each in near]
    return [each for each, much in zip(near, likeness, strict=True) if much >= likeness[0] - _AS_ALIKE]
