"""The books as the gateway holds them: memory in front, a database behind."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.books.budget import Cap
from kanoa_mlops.gateway.books.entry import Entry
from kanoa_mlops.gateway.books.keyring import Keyring
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from kanoa_mlops.gateway.books.spending import Spending, Sum
from kanoa_mlops.gateway.books.store import Store
from kanoa_mlops.gateway.books.unwritten import CAPACITY, Unwritten
from kanoa_mlops.gateway.days import month_of

_log = logging.getLogger(__name__)
_BATCH = 1000
"""Entries in a transaction; others may write between two."""
# Whoever asked learns nothing of this machine's files; its owner reads the log.
_UNBOOKABLE = Refusal(
    Limit.BOOKS, "Nothing can be spent now, as the gateway cannot keep its books. It tries again.", 1000
)


@dataclass(frozen=True)
class Condition:
    """How the books are."""

    unwritten: int
    """Entries that are in memory alone."""
    lost: int
    """Entries that are nowhere: there were too many to keep, or they could not be booked."""
    trouble: str
    """Why nothing can be written; '' when all is well."""


class Books:
    """What is asked on the way of every request is answered from memory and never waits.

    `reserve` and `tick` wait for the database: they belong in a thread, `tick` in that of a `Clerk`. All else
    may be called from any thread.
    """

    def __init__(
        self, store: Store, *, clock: Callable[[], float] = time.time, capacity: int = CAPACITY
    ) -> None:
        """
        Args:
            clock: wall time.

        Raises:
            BooksUnusable, BooksBusy: the database cannot be read.
        """
        self.keyring = Keyring()
        self._store = store
        self._clock = clock
        self._unwritten = Unwritten(capacity)
        self._spending = Spending()
        self._read_at, self._stale = 0.0, True
        self._trouble = ""
        # Whoever reads or writes the database holds the pen; whoever changes sums holds the memory, briefly.
        self._pen, self._memory = Lock(), Lock()
        with self._pen:
            self._refresh()

    def record(self, entry: Entry) -> None:
        """Book an answer. In the sums at once, in the database soon."""
        self._settle(entry)

    def release(self, reservation: Reservation) -> None:
        """Give back what was set aside, as nothing was spent. Once an entry has it, that is not needed."""
        self._settle(reservation)

    def reserve(
        self, micro: int, caps: Sequence[Cap], *, key: str = "", backend: str
    ) -> Reservation | Refusal:
        """Set money aside before it is spent. It counts until an entry takes it, or it is released or lapses.

        However many ask, in however many processes, they get no more than a cap allows.

        Args:
            micro: the most that it may cost, in micro-dollars.
            key: id of the key that asks.
            backend: to whom the money goes.
        """
        reservation = Reservation(secrets.token_hex(8), self._clock(), key, backend, micro)
        with self._pen:
            try:
                # What was spent is booked first: it may be more than was set aside for it.
                self._write()
                refusal = self._set_aside(reservation, caps)
            except KanoaError as error:
                _log.warning("Nothing can be spent. %s", error.message)
                return _UNBOOKABLE
            if refusal is None:
                with self._memory:
                    self._spending.reserve(reservation)
        return refusal or reservation

    def under(self, cap: Cap, *, key: str = "", backend: str = "") -> Sum:
        """What counts against a cap now; of other processes, what they had spent at the last tick."""
        with self._memory:
            return self._spending.under(cap, self._clock(), key=key, backend=backend)

    def left(self, caps: Sequence[Cap], *, key: str = "", backend: str = "") -> int | None:
        """What may still be spent under all of these, in micro-dollars, at least zero; None without a cap."""
        with self._memory:
            return self._spending.left(caps, self._clock(), key=key, backend=backend)

    def condition(self) -> Condition:
        with self._memory:
            return Condition(len(self._unwritten), self._unwritten.lost, self._trouble)

    def tick(self) -> None:
        """Write what is to be written, and look at what others changed. To be called a few times a second.

        What fails is kept and tried again the next time; `condition` says why.
        """
        with self._pen:
            trouble = ""
            for act in (self._look, self._write):
                try:
                    act()
                except KanoaError as error:
                    trouble = error.message
            self._tell(trouble)

    def _set_aside(self, reservation: Reservation, caps: Sequence[Cap]) -> Refusal | None:
        """With the pen."""
        try:
            return self._store.reserve(reservation, caps)
        except KanoaError:
            # It may be in the database all the same, where only the answer was lost.
            with self._memory:
                self._unwritten.add(reservation)
            raise

    def _settle(self, item: Entry | Reservation) -> None:
        with self._memory:
            self._unwritten.add(item)
            self._spending.settle(item)

    def _write(self) -> None:
        """With the pen."""
        while True:
            with self._memory:
                batch = self._unwritten.first(_BATCH)
            if not batch:
                return
            try:
                self._store.write(batch)
            except KanoaError:
                raise
            except Exception:
                self._write_apart(batch)
            else:
                self._written(len(batch))

    def _write_apart(self, batch: Sequence[Entry | Reservation]) -> None:
        """One of them cannot be written, by a fault of ours. It must not keep all others from it."""
        for item in batch:
            try:
                self._store.write([item])
            except KanoaError:
                raise
            except Exception:
                _log.exception("This cannot be booked and is left out: %r", item)
                with self._memory:
                    self._unwritten.lost += 1
            self._written(1)

    def _written(self, count: int) -> None:
        with self._memory:
            self._unwritten.drop(count)

    def _look(self) -> None:
        """With the pen."""
        now = self._clock()
        # What was read holds what had not lapsed then, and goes back to the beginning of the month that was.
        self._stale |= self._store.changed() or now < self._read_at
        # Set until a look succeeds.
        if self._stale:
            self._refresh()

    def _refresh(self) -> None:
        """With the pen, so that nothing is written between reading and taking over."""
        now = self._clock()
        self.keyring.replace(self._store.all_keys())
        fresh = Spending(self._store.booked(month_of(now), now))
        with self._memory:
            for item in self._unwritten.all():
                fresh.settle(item)
            self._spending = fresh
        self._read_at, self._stale = now, False

    def _tell(self, trouble: str) -> None:
        """Once, when it begins, and once, when it is over."""
        with self._memory:
            before, self._trouble = self._trouble, trouble
            waiting = len(self._unwritten)
        if trouble and not before:
            _log.warning("%s The ledger is kept in memory meanwhile; %d entries wait.", trouble, waiting)
        elif before and not trouble:
            _log.warning("The ledger is written again; %d entries are lost.", self._unwritten.lost)
