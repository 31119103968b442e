"""Who waits for a pool, and in whose turn: keys take turns, and within a key the first come are first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from kanoa_mlops.gateway.policy.ask import Ask

_SHARE = 4
"""A key may have so many times as many waiting as places are left: one alone fills four fifths of the queue,
and the next to come finds room."""


@dataclass(frozen=True)
class Queue:
    waiting: tuple[Ask, ...] = ()
    """As they came."""
    turns: tuple[str, ...] = ()
    """The keys of those, the next one first."""

    def joined(self, ask: Ask) -> Queue:
        turns = self.turns if ask.key in self.turns else (*self.turns, ask.key)
        return Queue((*self.waiting, ask), turns)

    def left(self, ask: Ask) -> Queue:
        """It went without having been sent: refused, or its client is gone. Its key keeps its turn."""
        waiting = tuple(each for each in self.waiting if each.id != ask.id)
        waits = any(each.key == ask.key for each in waiting)
        return Queue(waiting, self.turns if waits else tuple(key for key in self.turns if key != ask.key))

    def sent(self, ask: Ask) -> Queue:
        """Its key had its turn; the same where it did not have to wait."""
        after = self.left(ask)
        if ask.key not in after.turns:
            return after
        return replace(after, turns=(*(key for key in after.turns if key != ask.key), ask.key))

    def in_turn(self) -> Iterator[Ask]:
        """As they are to be sent: the first of each key, then the second of each."""
        lines: dict[str, list[Ask]] = {key: [] for key in self.turns}
        for ask in self.waiting:
            lines[ask.key].append(ask)
        for place in range(max(map(len, lines.values()), default=0)):
            for line in lines.values():
                if place < len(line):
                    yield line[place]

    def ahead_of(self, ask: Ask) -> tuple[Ask, ...]:
        """Those whose turn comes before; for one that does not wait yet, as if it joined now."""
        if not self.waiting:
            return ()
        line = self if self.holds(ask) else self.joined(ask)
        return tuple(takewhile(lambda each: each.id != ask.id, line.in_turn()))

    def holds(self, ask: Ask) -> bool:
        return any(each.id == ask.id for each in self.waiting)

    def has_room(self, ask: Ask, length: int) -> bool:
        """For one more of this key, where `length` may wait in all."""
        own = sum(each.key == ask.key for each in self.waiting)
        left = length - len(self.waiting)
        return left > 0 and own < _SHARE * left
