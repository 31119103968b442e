"""What one gateway uses of the limits of keys, and how it says so to the others. For one thread."""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kanoa_mlops.gateway.books.here import Here
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.shared_use import Word, is_alone, said, saved, use_of
from kanoa_mlops.gateway.books.state import Change, State
from kanoa_mlops.gateway.books.store import Store
from kanoa_mlops.gateway.books.use import microseconds


@dataclass
class _Share:
    """Of one key."""

    running: int = 0
    owed: int = 0
    """Tokens that are not written."""
    counted: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Buckets that were counted in memory, and are not written."""
    unsaid: bool = False


@dataclass(frozen=True)
class _Found:
    """What was written of a key."""

    refusals: Sequence[Refusal | None]
    state: State
    at: float


class Shares:
    def __init__(self, store: Store, here: Here, lapses_after: float) -> None:
        """
        Args:
            here: what is counted in memory instead.
            lapses_after: seconds for which what was said holds.
        """
        self._store = store
        self._here = here
        self._lapses_after = lapses_after
        self._gateway = secrets.token_hex(8)
        self._shares: defaultdict[str, _Share] = defaultdict(_Share)
        self._said_at = time.monotonic()

    @property
    def due_at(self) -> float:
        """Monotonic time at which all of it is to be said again."""
        return self._said_at + self._lapses_after / 3

    def end(self, key: str, tokens: int) -> None:
        share = self._shares[key]
        share.running, share.owed, share.unsaid = share.running - 1, share.owed + tokens, True

    def collect(self) -> None:
        """What was counted in memory is to be said."""
        for key, use in self._here.give(microseconds(time.time())).items():
            share = self._shares[key]
            share.running += use.running
            share.counted, share.unsaid = saved(use), True

    def forget_running(self) -> None:
        """Whatever is still under way ends with the process."""
        for share in self._shares.values():
            share.running, share.unsaid = 0, True

    def say(
        self, asking: Mapping[str, Sequence[Key]], *, alone: bool
    ) -> Mapping[str, Sequence[Refusal | None]]:
        """For each key, why each that asks is refused; None where it was let in.

        Args:
            alone: nobody else counts, so that these keys may be counted in memory from now on.
        """
        now = time.monotonic()
        is_due = now >= self.due_at
        keys = set(asking) | {key for key, share in self._shares.items() if share.unsaid or is_due}
        found: dict[str, _Found] = {}
        if keys:
            self._store.update({_name(key): self._change(key, asking.get(key, ()), found) for key in keys})
        if is_due:
            self._said_at = now
        for key, each in found.items():
            share = self._shares[key]
            share.running += each.refusals.count(None)
            share.owed, share.counted, share.unsaid = 0, {}, False
            # Of one that was killed something may count for a while.
            if alone and key in asking and is_alone(each.state, self._gateway):
                self._count_here(key, each)
            elif not share.running:
                del self._shares[key]
        return {key: each.refusals for key, each in found.items()}

    def _count_here(self, key: str, found: _Found) -> None:
        now = microseconds(found.at)
        self._here.take(key, use_of(found.state, self._shares.pop(key).running, now), now)

    def _change(self, key: str, asking: Sequence[Key], found: dict[str, _Found]) -> Change:
        share = self._shares.get(key, _Share())
        word = Word(self._gateway, share.running, share.owed, asking, share.counted)

        def change(state: State, now: float) -> State:
            kept, refusals = said(state, now, word, self._lapses_after)
            found[key] = _Found(refusals, kept, now)
            return kept

        return change


def _name(key: str) -> str:
    return f"use of key {key}"
