"""What is to be written and is not yet, in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.reservation import Reservation

CAPACITY = 20_000
"""Some ten megabytes; an hour of six requests a second."""


class Unwritten:
    """Bounded: when it is full, entries that cost nothing are counted and left out.

    Money is never left out; while nothing can be written, none can be set aside, so there is little of it.
    For one thread at a time.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._items: deque[Entry | Reservation] = deque()
        self._capacity = capacity
        self.lost = 0
        """Entries left out since the start."""

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Entry | Reservation) -> None:
        if len(self._items) >= self._capacity and isinstance(item, Entry) and not item.is_money:
            self.lost += 1
        else:
            self._items.append(item)

    def first(self, count: int) -> Sequence[Entry | Reservation]:
        return list(islice(self._items, count))

    def all(self) -> Sequence[Entry | Reservation]:
        return list(self._items)

    def drop(self, count: int) -> None:
        """The first ones: they were written."""
        for _ in range(count):
            self._items.popleft()
