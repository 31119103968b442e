"""The limits of keys over all gateways that share a database.

One short transaction before a request is let in, and none that it waits for when it ends. Shares of a limit,
lent to each gateway for a while, would save that transaction, but a limit of two at the same time has no
shares for three gateways, and of six requests a minute each would keep two that the others are refused. One
thread takes whatever has gathered while it was away, of all keys, and does it in one transaction, so that
many requests cost little more than one. A key without such limits never comes here.

Where the database is not reached nobody is let in by a key with limits: they are kept, or nothing is.
Where only its answer is lost, tokens may be charged twice, and the key waits a little longer.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.books.key import Key
from kanoa_mlops.gateway.books.rate_limits import Place
from kanoa_mlops.gateway.books.refusal import Limit, Refusal
from kanoa_mlops.gateway.books.shared_use import LAPSES_AFTER, Word, said
from kanoa_mlops.gateway.books.state import Change, State
from kanoa_mlops.gateway.books.store import Store

_log = logging.getLogger(__name__)
_PATIENCE = 5.0
"""Seconds that a request waits for the database."""
_RETRY = 1.0
"""Seconds until what could not be written is tried again."""
_MANY = 1000
"""Requests in a transaction."""
_UNKNOWN = Refusal(
    Limit.BOOKS, "Nobody knows now what this key has used, as the gateway cannot see its books.", 1000
)


@dataclass
class _Share:
    """Of one key, what this gateway has to say. Of the thread alone."""

    running: int = 0
    owed: int = 0
    """Tokens that are not written."""
    unsaid: bool = False


@dataclass(frozen=True)
class _Asked:
    key: Key
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Place | Refusal]


@dataclass(frozen=True)
class _Ended:
    key: str
    tokens: int


class SharedLimits:
    """`RateLimits` in a `Store` of its own, which it closes. Any number of gateways share one database."""

    def __init__(self, store: Store, *, lapses_after: float = LAPSES_AFTER) -> None:
        """
        Args:
            lapses_after: seconds after which requests of a gateway that was killed no longer count.
        """
        self._store = store
        self._lapses_after = lapses_after
        self._gateway = secrets.token_hex(8)
        self._shares: defaultdict[str, _Share] = defaultdict(_Share)
        self._heard: SimpleQueue[_Asked | _Ended | None] = SimpleQueue()
        self._said_at, self._trouble, self._is_closed = time.monotonic(), "", False
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
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Place | Refusal] = loop.create_future()
        self._heard.put(_Asked(key, loop, answer))
        try:
            async with asyncio.timeout(_PATIENCE):
                return await answer
        except TimeoutError:
            _give_back(answer)
            return _UNKNOWN
        except BaseException:
            _give_back(answer)
            raise

    def close(self) -> None:
        self._is_closed = True
        self._heard.put(None)
        self._thread.join(_PATIENCE)

    def _work(self) -> None:
        heard = self._hear()
        while None not in heard:
            self._serve(heard)
            heard = self._hear()
        self._serve(heard)
        # Whatever is still under way ends with the process.
        for share in self._shares.values():
            share.running, share.unsaid = 0, True
        self._serve([])
        self._store.close()

    def _hear(self) -> list[_Asked | _Ended | None]:
        due = self._said_at + self._lapses_after / 3 - time.monotonic()
        heard: list[_Asked | _Ended | None] = []
        try:
            heard.append(self._heard.get(timeout=_RETRY if self._trouble else max(0.0, due)))
            while len(heard) < _MANY:
                heard.append(self._heard.get_nowait())
        except Empty:
            pass
        return heard

    def _serve(self, heard: Sequence[_Asked | _Ended | None]) -> None:
        asked: defaultdict[str, list[_Asked]] = defaultdict(list)
        for each in heard:
            if isinstance(each, _Ended):
                share = self._shares[each.key]
                share.running, share.owed, share.unsaid = share.running - 1, share.owed + each.tokens, True
            elif each is not None and not each.answer.cancelled():
                asked[each.key.id].append(each)
        try:
            refusals = self._say(asked)
        except Exception as error:
            self._tell(error)
            for each in (each for several in asked.values() for each in several):
                _answer(each, _UNKNOWN)
        else:
            self._tell(None)
            for key, several in asked.items():
                for each, refusal in zip(several, refusals[key], strict=True):
                    _answer(each, refusal or _SharedPlace(self._heard, key))

    def _say(self, asked: Mapping[str, Sequence[_Asked]]) -> Mapping[str, Sequence[Refusal | None]]:
        """For each key that was asked for, why each is refused; None where it was let in."""
        now = time.monotonic()
        is_due = now >= self._said_at + self._lapses_after / 3
        keys = set(asked) | {key for key, share in self._shares.items() if share.unsaid or is_due}
        found: dict[str, Sequence[Refusal | None]] = {}
        if keys:
            self._store.update({_name(key): self._change(key, asked.get(key, ()), found) for key in keys})
        if is_due:
            self._said_at = now
        for key in keys:
            share = self._shares[key]
            share.running += found[key].count(None)
            share.owed, share.unsaid = 0, False
            if not share.running:
                del self._shares[key]
        return found

    def _change(
        self, key: str, asked: Sequence[_Asked], found: dict[str, Sequence[Refusal | None]]
    ) -> Change:
        share = self._shares.get(key, _Share())
        word = Word(self._gateway, share.running, share.owed, [each.key for each in asked])

        def change(state: State, now: float) -> State:
            kept, found[key] = said(state, now, word, self._lapses_after)
            return kept

        return change

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
    __slots__ = ("_heard", "_key")

    def __init__(self, heard: SimpleQueue[_Asked | _Ended | None], key: str) -> None:
        self._heard: SimpleQueue[_Asked | _Ended | None] | None = heard
        self._key = key

    def end(self, tokens: int = 0) -> None:
        heard, self._heard = self._heard, None
        if heard is not None:
            heard.put(_Ended(self._key, tokens))


class _Free:
    """Of a key that has no limits."""

    def end(self, tokens: int = 0) -> None:
        """Nothing was taken."""


_FREE = _Free()


def _name(key: str) -> str:
    return f"use of key {key}"


def _answer(asked: _Asked, found: Place | Refusal) -> None:
    try:
        asked.loop.call_soon_threadsafe(partial(_deliver, asked.answer, found))
    except RuntimeError:  # the loop was closed: nobody waits any more
        _end(found)


def _deliver(answer: asyncio.Future[Place | Refusal], found: Place | Refusal) -> None:
    if answer.cancelled():
        _end(found)
    else:
        answer.set_result(found)


def _give_back(answer: asyncio.Future[Place | Refusal]) -> None:
    """What comes, or came, to one that no longer waits for it."""
    if not answer.cancel() and not answer.cancelled():
        _end(answer.result())


def _end(found: Place | Refusal) -> None:
    if not isinstance(found, Refusal):
        found.end()
