"""The limits of keys over all gateways that share a database.

One short transaction before a request is let in, and none that it waits for when it ends. Shares of a limit,
lent to each gateway for a while, would save that transaction, but a limit of two at the same time has no
shares for three gateways, and of six requests a minute each would keep two that the others are refused. One
thread takes whatever has gathered while it was away, of all keys, and does it in one transaction, so that
many requests cost little more than one. A key without such limits never comes here.

A gateway that is known to be alone with its books, as nearly every one before a file is, counts in memory
once a key has come, and writes that down when another one comes or it ends.

Where the database is not reached nobody is let in by a key with limits: they are kept, or nothing is.
Where only its answer is lost, tokens may be charged twice, and the key waits a little longer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from kanoa_mlops.errors import BooksBusy, KanoaError
from kanoa_mlops.gateway.books.asked import Asked
from kanoa_mlops.gateway.books.company import Company
from kanoa_mlops.gateway.books.here import Here
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.rate_limits import Place
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.books.shared_use import LAPSES_AFTER
from kanoa_mlops.gateway.books.shares import Shares
from kanoa_mlops.gateway.books.store import Store

_log = logging.getLogger(__name__)
_PATIENCE = 5.0
"""Seconds that a request waits for the database."""
_RETRY = 1.0
"""Seconds until what could not be written is tried again."""
_LOOK = 0.1
"""Seconds after which one that is alone looks whether another one waits."""
_ALONE_AGAIN = 1.0
"""Seconds after which one that is not looks whether the others have gone."""
_KNOCK = 0.02
"""Seconds after which one that waits tries the door again."""
_MANY = 1000
"""Requests in a transaction."""
_UNKNOWN = Refusal(
    Limit.BOOKS, "Nobody knows now what this key has used, as the gateway cannot see its books.", 1000
)


@dataclass(frozen=True)
class _Ended:
    key: str
    tokens: int


_Heard = Asked | _Ended | None


class SharedLimits:
    """`RateLimits` in a `Store` of its own, which it closes. Any number of gateways share one database."""

    def __init__(
        self, store: Store, company: Company | None = None, *, lapses_after: float = LAPSES_AFTER
    ) -> None:
        """
        Args:
            company: who else has the books open, where that can be known; is left by this.
            lapses_after: seconds after which requests of a gateway that was killed no longer count.
        """
        self._store = store
        self._company = company
        self._here = Here()
        self._shares = Shares(store, self._here, lapses_after)
        self._heard: SimpleQueue[_Heard] = SimpleQueue()
        self._trouble, self._is_closed = "", False
        self._company_at = time.monotonic()
        # A database that hangs must not keep the process from ending.
        self._thread = Thread(target=self._work, name="limits", daemon=True)
        self._thread.start()

    async def admit(self, key: Key) -> Place | Refusal:
        limits = key.limits
        if (
            limits.requests_per_minute is None
            and limits.tokens_per_minute is None
            and limits.parallel is None
        ):
            return _FREE
        if self._is_closed:
            return _UNKNOWN
        if found := self._here.admit(key):
            return found if isinstance(found, Refusal) else _SharedPlace(self, key.id)
        asked = Asked(key)
        self._heard.put(asked)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await asked.answered
        except TimeoutError:
            asked.give_back()
            return _UNKNOWN
        except BaseException:
            asked.give_back()
            raise

    def ended(self, key: str, tokens: int) -> None:
        """One request of it, that took so many. Never waits."""
        if not self._here.end(key, tokens):
            self._heard.put(_Ended(key, tokens))

    def close(self) -> None:
        self._is_closed = True
        self._heard.put(None)
        self._thread.join(_PATIENCE)

    def _work(self) -> None:
        heard: list[_Heard] = []
        while None not in heard:
            self._attend()
            self._serve(heard)
            heard = self._hear()
        self._serve(heard)
        self._shares.collect()
        self._shares.forget_running()
        self._serve([])
        self._store.close()
        if self._company:
            self._company.leave()

    def _hear(self) -> list[_Heard]:
        heard: list[_Heard] = []
        try:
            heard.append(self._heard.get(timeout=_RETRY if self._trouble else self._idle_seconds()))
            while len(heard) < _MANY:
                heard.append(self._heard.get_nowait())
        except Empty:
            pass
        return heard

    def _idle_seconds(self) -> float:
        due = self._shares.due_at
        if self._company:
            due = min(due, self._company_at)
        return max(0.0, due - time.monotonic())

    def _attend(self) -> None:
        """To who else is there."""
        company = self._company
        if company is None or time.monotonic() < self._company_at:
            return
        if not company.alone:
            self._enter(company)
        elif company.is_awaited():
            self._make_room(company)
        self._company_at = time.monotonic() + (_LOOK if company.alone else _ALONE_AGAIN)

    def _enter(self, company: Company) -> None:
        """Until it may use the books nothing else is done. Once within, it is found whether it is alone."""
        begin = time.monotonic()
        while not company.enter() and not self._is_closed:
            if time.monotonic() >= begin + _PATIENCE:
                self._tell(_kept_from_us())
            time.sleep(_KNOCK)

    def _make_room(self, company: Company) -> None:
        self._shares.collect()
        self._serve([])
        if self._trouble:
            return
        company.let_in()
        if not company.within:
            self._enter(company)

    def _serve(self, heard: Sequence[_Heard]) -> None:
        asked: defaultdict[str, list[Asked]] = defaultdict(list)
        for each in heard:
            if isinstance(each, _Ended):
                if not self._here.end(each.key, each.tokens):
                    self._shares.end(each.key, each.tokens)
            elif each is not None and not each.answered.cancelled():
                if found := self._here.admit(each.key):
                    each.answer(found if isinstance(found, Refusal) else _SharedPlace(self, each.key.id))
                else:
                    asked[each.key.id].append(each)
        try:
            refusals = self._say(asked)
        except Exception as error:
            self._tell(error)
            for each in (each for several in asked.values() for each in several):
                each.answer(_UNKNOWN)
        else:
            self._tell(None)
            for key, several in asked.items():
                for each, refusal in zip(several, refusals[key], strict=True):
                    each.answer(refusal or _SharedPlace(self, key))

    def _say(self, asked: Mapping[str, Sequence[Asked]]) -> Mapping[str, Sequence[Refusal | None]]:
        company = self._company
        if company and not company.within:
            raise _kept_from_us()
        asking = {key: [each.key for each in several] for key, several in asked.items()}
        return self._shares.say(asking, alone=company is not None and company.alone)

    def _tell(self, error: Exception | None) -> None:
        """Once, when it begins, and once, when it is over."""
        if isinstance(error, KanoaError) and not self._trouble:
            _log.warning("%s Keys with limits let nobody in meanwhile.", error.message)
        elif error and not isinstance(error, KanoaError):
            _log.error("The limits of keys could not be kept for a moment.", exc_info=error)
        elif not error and self._trouble:
            _log.warning("The limits of keys are kept again.")
        self._trouble = str(error) if error else ""


class _SharedPlace:
    __slots__ = ("_key", "_limits")

    def __init__(self, limits: SharedLimits, key: str) -> None:
        self._limits: SharedLimits | None = limits
        self._key = key

    def end(self, tokens: int = 0) -> None:
        limits, self._limits = self._limits, None
        if limits is not None:
            limits.ended(self._key, tokens)


class _Free:
    """Of a key that has no limits."""

    def end(self, tokens: int = 0) -> None:
        """Nothing was taken."""


_FREE = _Free()


def _kept_from_us() -> BooksBusy:
    return BooksBusy(
        "Another gateway of this machine keeps the use of the books to itself.",
        hint="See that it works, or end it.",
    )
