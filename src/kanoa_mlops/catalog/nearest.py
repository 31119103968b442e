"""What somebody may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest_names(name: str, names: Iterable[str], *, alike: float = 0.4) -> list[str]:
    """At most three names that look like this one in any case, the nearest first.

    Args:
        alike: how much they must, from 0 to 1.
    """
    spelled = {each.lower(): each for each in names}
    return [spelled[each] for each in difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=alike)]
