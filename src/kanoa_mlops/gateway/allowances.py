"""What providers let the owner's accounts use, kept over a restart and in common with other gateways.

What is used counts here at once, and is carried to the store by a thread, a few times a second: added there
to what others used, whose sum is then taken over. Between two looks, gateways together may ask a provider for
more than it allows. It then says 429, which is obeyed, and which the others learn in the same way. Where the
answer to a write was lost, what it held may be counted twice.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Event, Lock, Thread
from typing import Any, Protocol
from urllib.parse import urlsplit

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.account import Account, Known, Use, known
from kanoa_mlops.gateway.books.state import Change, State
from kanoa_mlops.gateway.burst.grant import Grant
from kanoa_mlops.gateway.policy.allowance import Limit

_log = logging.getLogger(__name__)
_PERIOD = 0.25
_LOOKS_EVERY = 2.0
"""Seconds after which what others used is asked for, where nothing was used here."""
_LAST_SECONDS = 5.0
"""For what is not kept yet when the gateway ends."""


class Shelf(Protocol):
    """The part of the books' `Store` that is needed. One thread at a time uses it, whichever that is."""

    def load(self, name: str) -> State: ...

    def update(self, changes: Mapping[str, Change]) -> None: ...


class Allowances:
    """One `Account` for each account at a provider and model there, however many grants name it.

    `meet` and `carry` wait for the store: they belong in a thread. All else waits for nothing.
    """

    def __init__(self, shelf: Shelf | None = None) -> None:
        """
        Args:
            shelf: where they are kept; without one they last as long as this does.
        """
        self._shelf = shelf
        self._accounts: dict[str, Account] = {}
        self._ahead = 0.0  # seconds, of the store's clock before ours
        self._looked_at = 0.0
        self._trouble = ""
        self._pen, self._memory = Lock(), Lock()

    def of(self, grant: Grant) -> Account:
        """As this grant says its limits are."""
        with self._memory:
            account = self._accounts.setdefault(
                account_name(grant), Account(grant.limits, kept=self._shelf is not None)
            )
        account.agree(grant.limits)
        return account

    def meet(self, grants: Iterable[Grant]) -> None:
        """Read what was kept of these, before anybody asks them. Where that cannot be read, it is later."""
        accounts = {account_name(grant): self.of(grant) for grant in grants}
        if self._shelf:
            with self._pen:
                self._try(partial(self._look, self._shelf, accounts))

    def carry(self) -> None:
        """To be called a few times a second. What fails is kept and tried again."""
        if self._shelf:
            with self._pen:
                self._try(partial(self._carry, self._shelf))

    def _carry(self, shelf: Shelf) -> None:
        with self._memory:
            accounts = dict(self._accounts)
        unkept = {name: found for name, each in accounts.items() if (found := each.unkept())}
        if unkept:
            self._keep(shelf, accounts, unkept)
        if time.monotonic() - self._looked_at >= _LOOKS_EVERY:
            self._look(shelf, {name: each for name, each in accounts.items() if name not in unkept})
            self._looked_at = time.monotonic()

    def _keep(
        self,
        shelf: Shelf,
        accounts: Mapping[str, Account],
        unkept: Mapping[str, tuple[Known, tuple[Use, ...]]],
    ) -> None:
        kept: dict[str, Known] = {}

        def change(name: str, state: State, now: float) -> State:
            mine, uses = unkept[name]
            self._ahead = now - time.time()
            clock = timedelta(seconds=self._ahead)
            before = _known(name, mine.allowance.limits, state, now).by(-clock)
            kept[name] = before.used(uses).refused(mine.refusing)
            return kept[name].by(clock).saved()

        shelf.update({name: partial(change, name) for name in unkept})
        for name, stored in kept.items():
            accounts[name].keep(stored, len(unkept[name][1]))

    def _look(self, shelf: Shelf, accounts: Mapping[str, Account]) -> None:
        for name, account in accounts.items():
            now = time.time() + self._ahead
            stored = _known(name, account.allowance.limits, shelf.load(name), now)
            account.keep(stored.by(-timedelta(seconds=self._ahead)), 0)

    def _try(self, act: partial[None]) -> None:
        """Told once, when it begins to fail, and once, when that is over."""
        trouble = ""
        try:
            act()
        except KanoaError as error:
            trouble = error.message
        before, self._trouble = self._trouble, trouble
        if trouble and not before:
            _log.warning("%s What providers' limits are used is kept in memory meanwhile.", trouble)
        elif before and not trouble:
            _log.warning("What providers' limits are used is kept again.")


@contextmanager
def carrying(allowances: Allowances, *, period: float = _PERIOD) -> Iterator[None]:
    """Carried by a thread for as long as the block, and once more at its end.

    Args:
        period: seconds from one time to the next.
    """
    ending = Event()
    # A disk that hangs must not keep the process from ending.
    thread = Thread(target=_carry_on, args=(allowances, ending, period), name="allowances", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(_LAST_SECONDS)


def _carry_on(allowances: Allowances, ending: Event, period: float) -> None:
    while True:
        ended = ending.wait(period)
        try:
            allowances.carry()
        except Exception:
            # The edge of the thread. Whatever it is, the next time may do better.
            _log.exception("What providers' limits are used could not be kept for a moment.")
        if ended:
            return


def account_name(grant: Grant) -> str:
    """Under which it is kept: the same for each grant of one account and model, and no secret."""
    address = grant.base_url.rstrip("/")
    digest = hashlib.sha256(f"{address}\0{grant.key}".encode()).hexdigest()[:16]
    return f"account {urlsplit(address).hostname} {digest} {grant.name}"


def _known(name: str, limits: Mapping[Limit, int], state: Mapping[str, Any], now: float) -> Known:
    try:
        return known(limits, state, now)
    except ValueError as error:
        _log.warning("%s: %s. It is counted anew.", name, error)
        return known(limits, {}, now)
