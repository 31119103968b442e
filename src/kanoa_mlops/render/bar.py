"""A memory budget as one line of letters, each part as wide as it is large."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

from kanoa_mlops.planner.budget import Budget, MemoryLine, Where


@dataclass(frozen=True)
class Segment:
    """One part of a bar."""

    letter: str
    """By which the part is found in the list below the bar; '·' for what is free."""
    name: str
    cells: int


def segments(budget: Budget, where: Where, width: int) -> list[Segment]:
    """Parts of a pool's bar. What does not fit makes the bar longer than what `usable` tells.

    Args:
        width: characters for what the engine may use, where that can be shown.
    """
    pool = budget.pool(where)
    lines = [line for line in budget.lines if line.where == where and line.size.expected > 0]
    if pool is None or not pool.capacity:
        return []
    width = usable(budget, where, width)
    cells, passed = [], 0.0
    for letter, line in zip(letters(budget, where), lines, strict=True):
        begin = round(passed / pool.capacity * width)
        passed += line.size.expected
        cells.append(Segment(letter, line.name, round(passed / pool.capacity * width) - begin))
    free = width - sum(each.cells for each in cells)
    return [*cells, Segment("·", "free", free)] if free > 0 else cells


def usable(budget: Budget, where: Where, width: int) -> int:
    """Characters for what the engine may use: fewer where so much more is needed that the bar would be longer
    than half as much again."""
    pool, need = budget.pool(where), budget.need(where).expected
    if pool is None or not pool.capacity:
        return width
    return min(width, int(width * 1.5 * pool.capacity / need)) if need else width


def letters(budget: Budget, where: Where) -> list[str]:
    """A letter for each part of a pool, its own first letter where that is free."""
    taken: list[str] = []
    for line in budget.lines:
        if line.where == where and line.size.expected > 0:
            taken.append(_letter(line, taken))
    return taken


def _letter(line: MemoryLine, taken: Sequence[str]) -> str:
    wanted = [each for each in line.name.upper() if each.isalpha()]
    free: list[str] = [each for each in (*wanted, *string.ascii_uppercase) if each not in taken]
    return free[0]
