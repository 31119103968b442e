"""How full backends get, and how long it takes, as requests are given their places one after another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from kanoa_mlops.gateway.policy.affinity import affine
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.backend import TIERS, BackendView

_SERVICE_SECONDS = 10.0
"""What a request is taken to need where none was measured yet."""
_LOADING_SECONDS = 30.0
"""What is left of loading where nobody knows."""


@dataclass(frozen=True)
class Place:
    backend: BackendView
    seconds: float
    """Until a slot is expected to be free."""

    @property
    def wake(self) -> str:
        """The backend to be woken for it, where somebody can."""
        sleeps = self.backend.state.kind == "asleep" and self.backend.wakes_in is not None
        return self.backend.id if sleeps else ""


class Schedule:
    """Filled up as requests are seated. Those whose turn comes first are seated first."""

    def __init__(self, backends: Iterable[BackendView], now: float) -> None:
        self._now = now
        self._views = {backend.id: backend for backend in backends}

    def free(self, ask: Ask, among: Sequence[BackendView]) -> tuple[BackendView, bool] | None:
        """The one of the nearest, then cheapest, that can begin it now; and whether affinity chose it."""
        views = sorted((self._views[each.id] for each in among), key=lambda each: _rank(ask, each))
        for _, group in groupby(views, key=lambda each: _rank(ask, each)):
            if chosen := _choose(ask, [each for each in group if each.state.kind == "ready"]):
                return chosen
        return None

    def soonest(self, ask: Ask, among: Sequence[BackendView]) -> Place | None:
        """Where a slot is expected first; None where it is not worth waiting."""
        places = [Place(view, self._wait(view, ask)) for view in (self._views[each.id] for each in among)]
        awaited = [place for place in places if place.seconds < math.inf]
        return min(awaited, key=lambda place: place.seconds, default=None)

    def seat(self, ask: Ask, among: Sequence[BackendView]) -> None:
        """It takes the slot that is free, or the first that will be."""
        if chosen := self.free(ask, among):
            self.take(chosen[0].id)
        elif place := self.soonest(ask, among):
            self.take(place.backend.id)

    def take(self, backend: str) -> None:
        view = self._views[backend]
        self._views[backend] = replace(view, in_flight=view.in_flight + 1)

    def _wait(self, backend: BackendView, ask: Ask) -> float:
        """Where all slots are taken, requests end evenly: as many as slots in the time that one needs."""
        ahead = backend.in_flight - backend.slots + 1
        return self._opens_in(backend, ask) + max(0, ahead) * _step(backend)

    def _opens_in(self, backend: BackendView, ask: Ask) -> float:
        """Seconds until it takes requests at all; infinite where it may be never, or surely too late."""
        kind, until = backend.state.kind, backend.state.until
        if kind == "ready":
            return 0.0
        if kind in ("auth_error", "down"):
            return math.inf
        if kind in ("rate_limited", "exhausted") and (until is None or until > ask.deadline):
            return math.inf
        if until is not None:
            return max(0.0, until - self._now)
        if kind == "busy":
            return _step(backend)
        if kind == "asleep" and backend.wakes_in is None:
            return math.inf
        return _LOADING_SECONDS if backend.wakes_in is None else backend.wakes_in


def _rank(ask: Ask, backend: BackendView) -> tuple[int, float]:
    cost = 0.0 if backend.near else float(backend.worst_cost(ask) or 0)
    return TIERS.index(backend.tier), cost


def _choose(ask: Ask, ready: Sequence[BackendView]) -> tuple[BackendView, bool] | None:
    # A backend on trial is tried where nobody need wait for the outcome of it.
    for among in ([each for each in ready if not each.probing], ready):
        free = [each for each in among if each.in_flight < each.slots]
        if not free:
            continue
        if ask.prefix and len(among) > 1 and (chosen := affine(ask.prefix, among)):
            return chosen, True
        return min(free, key=lambda each: each.load), False
    return None


def _step(backend: BackendView) -> float:
    """Seconds between the ends of two requests while all slots are taken."""
    needs = _SERVICE_SECONDS if backend.service_seconds is None else backend.service_seconds
    return needs / backend.slots
