"""Which collections are in memory."""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kanoa_mlops.grounding.local.memory import Memory
    from kanoa_mlops.grounding.local.question import Question

_ROOM = 2**30  # bytes; the collection asked last stays, however large it is


class Keeper:
    """For all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._kept: OrderedDict[int, Memory] = OrderedDict()

    def turn(self, collection_id: str) -> threading.Lock:
        """To be held from the first look of a transaction until the collection is brought up in it.

        So that no one's look is older than what is in memory.
        """
        with self._lock:
            return self._turns.setdefault(collection_id, threading.Lock())

    def get(self, connection: sqlite3.Connection, collection: int) -> Memory:
        """As it is in the transaction. Needs numpy."""
        from kanoa_mlops.grounding.local.loading import NOTHING, brought_up

        memory = brought_up(connection, collection, self._kept.get(collection, NOTHING))
        with self._lock:
            self._kept[collection] = memory
            self._kept.move_to_end(collection)
            while len(self._kept) > 1 and sum(each.bytes for each in self._kept.values()) > _ROOM:
                self._kept.popitem(last=False)
        return memory

    def best(self, memory: Memory, question: Question) -> list[tuple[int, float]]:
        from kanoa_mlops.grounding.local.ranking import best

        return best(memory, question)

    def forget(self, collection_id: str, collection: int) -> None:
        with self._lock:
            self._kept.pop(collection, None)
            self._turns.pop(collection_id, None)
