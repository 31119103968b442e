"""One backend as it stands: what runs there, what requests met there, what of its allowance is used."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

from kanoa_mlops.gateway.account import Account
from kanoa_mlops.gateway.backends import Backend
from kanoa_mlops.gateway.policy.allowance import Allowance
from kanoa_mlops.gateway.policy.backend import FREE, READY, BackendView, Kind, State
from kanoa_mlops.gateway.policy.moment import Moment
from kanoa_mlops.gateway.policy.outcome import Outcome
from kanoa_mlops.gateway.policy.standing import Standing

log = logging.getLogger(__name__)

_FRESH = Standing()
_BOUNDLESS = Allowance({})
_NEWEST = 0.2
"""What the last request weighs in the average of how long one takes."""
_WAKES_IN = 30.0
"""Seconds; what is taken for loading a model where nobody has seen it."""
_OF_THE_ACCOUNT: tuple[Kind, ...] = ("exhausted", "rate_limited")
"""What is said with these is of no request."""
_NO_LIMIT = 10**6
"""Slots of a model that is loaded in turn: whoever loads it lets its requests wait."""


@dataclass
class Post:
    backend: Backend
    in_flight: int = 0
    standing: Standing = _FRESH
    service_seconds: float | None = None
    """Moving average of one request, from sending to its end."""
    wake_seconds: float | None = None
    """What waking it took the last time."""
    account: Account | None = None
    """At the provider, where it has one; other backends may share it."""

    @property
    def allowance(self) -> Allowance:
        return self.account.allowance if self.account else _BOUNDLESS

    def become(self, backend: Backend, account: Account | None = None) -> None:
        """The same address in another state, or another one."""
        before, self.backend = self.backend, backend
        if (before.url, before.engine_key) != (backend.url, backend.engine_key):
            self.standing = _FRESH
        elif before.state != "ready" and backend.state == "ready":
            self.standing = self.standing.revived()
        self.account = account

    def state(self, now: float) -> State:
        """How it stands for everybody."""
        return self._stands(now)[0]

    def view(self, now: float, *, turns: bool) -> BackendView:
        """
        Args:
            turns: a request may go elsewhere instead of waiting for this one to be loaded.
        """
        backend = self.backend
        state, trial = self._stands(now)
        if backend.on_demand and not turns and state.kind in ("asleep", "loading"):
            state = READY  # whoever loads it holds the request
        return BackendView(
            backend.id,
            backend.tier,
            backend.abilities,
            state,
            slots=_NO_LIMIT if backend.on_demand else 1 if trial else backend.slots,
            in_flight=self.in_flight,
            service_seconds=self.service_seconds,
            price=backend.grant.price if backend.grant else FREE,
            wakes_in=(self.wake_seconds or _WAKES_IN) if backend.on_demand else None,
            probing=trial,
        )

    def take(self) -> None:
        """A request is sent there."""
        self.in_flight += 1

    def leave(self) -> None:
        """It has ended."""
        self.in_flight -= 1

    def met(self, outcome: Outcome, moment: Moment) -> None:
        before = self.standing.state.kind
        self.standing = self.standing.after(outcome, moment, random.random())
        state = self.standing.state
        if state.kind != before:
            _tell(self.backend.id, state)
        if self.account:
            self.account.refuses(state, moment)

    def took(self, seconds: float) -> None:
        """A request that was answered well, from sending to its end."""
        before = self.service_seconds
        self.service_seconds = seconds if before is None else before + _NEWEST * (seconds - before)

    @property
    def is_fresh(self) -> bool:
        """No request met anything here that is not forgotten."""
        return self.standing is _FRESH or self.standing == _FRESH

    def _stands(self, now: float) -> tuple[State, bool]:
        """And whether it is on trial."""
        state, trial = self.standing.under(_health(self.backend), now)
        if self.account and state.kind == "ready" and (said := self.account.state(now)):
            return said, False
        return state, trial


def _tell(id: str, state: State) -> None:
    """The owner's log is where a provider's own words on his account are."""
    if state.kind == "ready":
        log.info("requests find %s ready", id)
        return
    why = state.told if state.kind in _OF_THE_ACCOUNT else state.reason
    log.warning("requests find %s %s: %s", id, state.kind.replace("_", " "), why)


def _health(backend: Backend) -> State:
    return READY if backend.state == "ready" else State(backend.state, backend.reason)
