"""Budgets through any history: two gateways on one database, killed and restarted, under a clock that jumps.

Beside them runs the same thing said plainly: a list of what was set aside and what became of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kanoa_mlops.gateway.books.books import Books
from kanoa_mlops.gateway.books.budget import Cap, Payer, Period
from kanoa_mlops.gateway.books.refusal import Refusal
from kanoa_mlops.gateway.books.reservation import Reservation
from tests.gateway.books.making import DAY, HOUR, NOON, entry
from tests.gateway.books.places import opened
from tests.postgres import Postgres

CAPS = (
    Cap(Payer.KEY, Period.DAY, 100),
    Cap(Payer.KEY, Period.MONTH, 250),
    Cap(Payer.BACKEND, Period.DAY, 150),
    Cap(Payer.ALL, Period.DAY, 180),
    Cap(Payer.ALL, Period.MONTH, 400),
)
SHARED_MEMORY = Path("/dev/shm")
gateways = st.integers(min_value=0, max_value=1)
# Rather about midnight and the end of the month than anywhere.
jumps = st.sampled_from(
    [1.0, HOUR - 1, HOUR, 12 * HOUR, DAY, 3 * DAY, 31 * DAY, -1.0, -HOUR, -DAY, -40 * DAY]
)


@dataclass
class Affair:
    """One reservation, from beginning to end."""

    made: Reservation
    paid: int | None = None
    """None while it is open; 0 where it was given back."""
    unwritten_by: int | None = None
    """The gateway that alone knows how it ended."""

    def counts(self, gateway: int, now: float) -> int:
        """For one that asks this gateway."""
        if self.paid is None or self.unwritten_by not in (None, gateway):
            return self.made.micro if now - self.made.made < HOUR else 0
        return self.paid


def date(at: float) -> tuple[int, int, int]:
    day = datetime.fromtimestamp(at, UTC)
    return day.year, day.month, day.day


@contextmanager
def a_file() -> Iterator[str]:
    # In memory where there is such a place: each step waits for the disk, and there are thousands.
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None) as folder:
        yield str(Path(folder) / "gateway.db")


class BudgetMachine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.ending = ExitStack()
        self.where = self.ending.enter_context(self.place())
        self.now = NOON
        self.affairs: list[Affair] = []
        self.books = [self.opened(), self.opened()]
        self.entries = 0

    def opened(self) -> Books:
        return Books(opened(self.where), clock=lambda: self.now)

    def place(self) -> AbstractContextManager[str]:
        return a_file()

    def committed(self, cap: Cap, gateway: int, key: str, backend: str) -> int:
        """The plain way: of everything there ever was, what counts."""
        parts = 3 if cap.period is Period.DAY else 2
        return sum(
            each.counts(gateway, self.now)
            for each in self.affairs
            if date(each.made.made)[:parts] >= date(self.now)[:parts]
            and (cap.payer is not Payer.KEY or each.made.key == key)
            and (cap.payer is not Payer.BACKEND or each.made.backend == backend)
        )

    def written(self, gateway: int) -> None:
        for each in self.affairs:
            if each.unwritten_by == gateway:
                each.unwritten_by = None

    @rule(
        gateway=gateways,
        key=st.sampled_from(["anna", "ben"]),
        backend=st.sampled_from(["groq", "cerebras"]),
        micro=st.integers(min_value=0, max_value=60),
    )
    def reserve(self, gateway: int, key: str, backend: str, micro: int) -> None:
        found = self.books[gateway].reserve(micro, CAPS, key=key, backend=backend)
        self.written(gateway)
        over = [cap for cap in CAPS if self.committed(cap, gateway, key, backend) + micro > cap.micro]
        if isinstance(found, Refusal):
            assert found.limit in [f"{cap.payer}_dollars_per_{cap.period}" for cap in over]
        else:
            assert not over, "it was granted against a cap"
            self.affairs.append(Affair(found))

    @precondition(lambda self: any(each.paid is None for each in self.affairs))
    @rule(gateway=gateways, data=st.data())
    def settle(self, gateway: int, data: st.DataObject) -> None:
        affair = data.draw(st.sampled_from([each for each in self.affairs if each.paid is None]))
        made = affair.made
        # A provider may charge more than was thought.
        affair.paid = data.draw(st.integers(min_value=0, max_value=made.micro + 10))
        affair.unwritten_by = gateway
        if affair.paid or data.draw(st.booleans()):
            self.entries += 1
            self.books[gateway].record(
                entry(
                    made.id,
                    at=self.now,
                    key=made.key,
                    backend=made.backend,
                    micro=affair.paid,
                    reservation=made,
                )
            )
        else:
            self.books[gateway].release(made)

    @rule(gateway=gateways)
    def tick(self, gateway: int) -> None:
        self.books[gateway].tick()
        self.written(gateway)
        # What was written just now is looked at by the other one when it ticks; its own it knows.
        self.books[gateway].tick()
        for cap in CAPS:
            for key, backend in (("anna", "groq"), ("ben", "cerebras")):
                found = self.books[gateway].under(cap, key=key, backend=backend)
                assert found.committed == self.committed(cap, gateway, key, backend)

    @rule(gateway=gateways)
    def kill(self, gateway: int) -> None:
        """What it alone knew is gone; what it set aside still counts."""
        self.books[gateway]._store.close()
        self.books[gateway] = self.opened()
        for each in self.affairs:
            if each.unwritten_by == gateway:
                each.paid = each.unwritten_by = None

    @rule(seconds=jumps)
    def clock_jumps(self, seconds: float) -> None:
        if abs(self.now + seconds - NOON) < 180 * DAY:
            self.now += seconds

    @invariant()
    def whoever_keeps_to_what_was_set_aside_stays_below_the_caps(self) -> None:
        if any((each.paid or 0) > each.made.micro for each in self.affairs):
            return
        days = {date(each.made.made) for each in self.affairs}
        for day in days:
            assert sum(each.paid or 0 for each in self.affairs if date(each.made.made) == day) <= 180
            for key in ("anna", "ben"):
                spent = [
                    each.paid or 0
                    for each in self.affairs
                    if date(each.made.made) == day and each.made.key == key
                ]
                assert sum(spent) <= 100

    def teardown(self) -> None:
        for books in getattr(self, "books", []):
            books._store.close()
        if hasattr(self, "ending"):
            self.ending.close()


class PostgresBudgetMachine(BudgetMachine):
    def place(self) -> AbstractContextManager[str]:
        return Postgres.running.database()


BudgetMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
PostgresBudgetMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
TestBudgets = BudgetMachine.TestCase


@pytest.mark.usefixtures("postgres")
class TestPostgresBudgets(PostgresBudgetMachine.TestCase):  # type: ignore[misc,valid-type]
    pass
