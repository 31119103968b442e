"""Those who wait for one model, and the backends that serve it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from kanoa_mlops.gateway.allowances import Allowances
from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.days import time_of
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.backend import BackendView, State
from kanoa_mlops.gateway.policy.decide import decide, dispatch
from kanoa_mlops.gateway.policy.decision import Decision, Refuse, Wait
from kanoa_mlops.gateway.policy.pool import Pool
from kanoa_mlops.gateway.policy.queue import Queue
from kanoa_mlops.gateway.policy.rules import Rules
from kanoa_mlops.gateway.post import Post
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.seat import Seat, moment, take
from kanoa_mlops.gateway.snapshot import Standing


@dataclass(frozen=True)
class Terms:
    """How requests wait."""

    queue_length: int = 64
    """Requests of one model that wait at most."""
    queue_seconds: float = 300.0
    """How long each of them does at most."""


@dataclass
class _Waiter:
    ask: Ask
    guest: Guest
    settled: asyncio.Future[Seat | Refuse] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Line:
    """Of one model. Acts on what the policy decides; for one event loop."""

    def __init__(self, model: str, terms: Terms, purse: Purse | None, wake: Callable[[str], None]) -> None:
        self.model = model
        self.terms = terms
        self.posts: dict[str, Post] = {}
        self._beyond: tuple[Post, ...] = ()
        """Of them."""
        self._unlisted: dict[str, Post] = {}
        """Those that still work for somebody; they may be listed anew."""
        self._purse = purse
        self._allowances = purse.allowances if purse else Allowances()
        self._wake = wake
        self._queue = Queue()
        self._waiters: dict[str, _Waiter] = {}

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    def become(self, pool: Iterable[Backend]) -> None:
        """The backends there are now, or what they are now."""
        known, posts = {**self._unlisted, **self.posts}, {}
        for backend in pool:
            post = known.get(backend.id) or Post(backend)
            post.become(backend, self._allowances.of(backend.grant) if backend.grant else None)
            posts[backend.id] = post
        self.posts = posts
        self._beyond = tuple(post for post in posts.values() if not post.backend.near)
        self._unlisted = {id: post for id, post in known.items() if id not in posts and post.in_flight}
        self.changed()

    def now(self, ask: Ask, guest: Guest, avoid: frozenset[str] = frozenset()) -> Seat | Refuse | Wait:
        """What becomes of the request if it does not wait.

        Args:
            avoid: backends that it met already.
        """
        if self._waiters:
            self.changed()
        return self._settled(ask, guest, self._decide(ask, guest, avoid))

    async def wait(self, ask: Ask, guest: Guest, first: Wait) -> Seat | Refuse:
        """Until it has its turn; `first` is what was decided for it."""
        waiter = _Waiter(ask, guest)
        self._queue = self._queue.joined(ask)
        self._waiters[ask.id] = waiter
        decision: Seat | Refuse | Wait = first
        try:
            while isinstance(decision, Wait):
                pause = max(0.0, decision.again_at - time.monotonic())
                await asyncio.wait((waiter.settled,), timeout=pause)
                if waiter.settled.done():
                    return waiter.settled.result()
                decision = self._settled(ask, guest, self._decide(ask, guest))
            return decision
        except asyncio.CancelledError:
            if waiter.settled.done() and isinstance(seat := waiter.settled.result(), Seat):
                seat.leave()
            raise
        finally:
            self._forget(ask)

    def position(self, ask: Ask) -> int:
        """1 is next."""
        return next((n for n, each in enumerate(self._queue.in_turn(), 1) if each.id == ask.id), 1)

    def changed(self) -> None:
        """Something is free, or not any more: whoever need not wait any longer is sent or refused."""
        if not self._waiters:
            return
        now = time.monotonic()
        head = next(self._queue.in_turn())
        pool = self._pool(now, head)
        for ask, decision in dispatch(
            pool, lambda each: self._rules(self._waiters[each.id].guest), self._queue, now
        ):
            waiter = self._waiters[ask.id]
            # Limits of a provider were looked at for the first who waits alone.
            own = self._decide(ask, waiter.guest) if self._limited else decision
            settled = self._settled(ask, waiter.guest, own)
            if isinstance(settled, Wait):
                continue
            self._forget(ask)
            waiter.settled.set_result(settled)

    def standing(self, backend: str) -> Standing:
        post, now = self.posts[backend], time.monotonic()
        state = self._affordable(post, post.state(now), now)
        return Standing(post.backend, state, post.in_flight, post.service_seconds)

    def _decide(self, ask: Ask, guest: Guest, avoid: frozenset[str] = frozenset()) -> Decision:
        now = time.monotonic()
        pool = self._pool(now, ask)
        if avoid:
            pool = replace(pool, backends=tuple(each for each in pool.backends if each.id not in avoid))
        return decide(ask, pool, self._rules(guest), self._queue, now)

    def _settled(self, ask: Ask, guest: Guest, decision: Decision) -> Seat | Refuse | Wait:
        if isinstance(decision, Refuse):
            return decision
        if isinstance(decision, Wait):
            if decision.wake is None:
                return decision
            decision = decision.wake  # whoever loads it holds the request meanwhile
        elif decision.wake:
            self._wake(decision.wake)
        if self._waiters:
            self._queue = self._queue.sent(ask)
        return take(ask, self.posts[decision.backend], decision, self.changed)

    def _forget(self, ask: Ask) -> None:
        self._waiters.pop(ask.id, None)
        if self._queue.holds(ask):
            self._queue = self._queue.left(ask)

    def _pool(self, now: float, ask: Ask) -> Pool:
        turns = bool(self._beyond)
        return Pool(self.model, tuple([self._view(post, now, ask, turns) for post in self.posts.values()]))

    def _view(self, post: Post, now: float, ask: Ask, turns: bool) -> BackendView:
        view = post.view(now, turns=turns)
        if post.backend.grant is None:
            return view
        state = self._affordable(post, view.state, now)
        return post.allowance.applied(replace(view, state=state), ask, moment())

    def _affordable(self, post: Post, state: State, now: float) -> State:
        """The same, unless what may be spent there is spent."""
        if state.kind != "ready" or self._purse is None or post.backend.grant is None:
            return state
        until = self._purse.exhausted_until(post.backend)
        if until is None:
            return state
        return State("exhausted", f"its budget is spent until {time_of(until)}", now + until - time.time())

    @property
    def _limited(self) -> bool:
        """How some backend stands depends on who asks."""
        return any(post.backend.grant and post.backend.grant.limits for post in self.posts.values())

    def _rules(self, guest: Guest) -> Rules:
        if not self._beyond:
            return Rules(self.terms.queue_length)
        if self._purse is None:
            # A machine that the owner rents by the hour and lists as his own; an answer more costs nothing.
            rented = all(post.backend.grant is None for post in self._beyond)
            return Rules(self.terms.queue_length, burst_allowed=rented, key_may_burst=guest.may_burst)
        left = self._purse.left(guest)
        return Rules(
            queue_length=self.terms.queue_length,
            burst_allowed=True,
            key_may_burst=guest.may_burst,
            burst_after=self._purse.after_seconds,
            budget_left=left.dollars,
            budget_renewed_at=None
            if left.renewed_at is None
            else time.monotonic() + left.renewed_at - time.time(),
            budget_renewed_on=left.renewed_at,
        )
