"""Where a request goes: the policy of the front door in one place.

1. Only backends that are able: an image goes to none that does not see.
2. The nearest tier that has a free slot; in it the one that remembers such a prompt, within bounds, else the
   least loaded. Requests whose turn comes first are given their slots first.
3. Where nothing is free it waits, unless the wait grows too long or nothing near is able: then it goes beyond
   the owner's machines, where owner, key, budget and the request itself allow it.
4. Where it may not wait either, it is refused, with the time at which asking again may help.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property

from kanoa_mlops.gateway.policy import refusals
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.backend import BackendView
from kanoa_mlops.gateway.policy.decision import Decision, Refuse, Send, Wait, Why
from kanoa_mlops.gateway.policy.pool import Pool
from kanoa_mlops.gateway.policy.queue import Queue
from kanoa_mlops.gateway.policy.reach import Reach, in_question, near, reach
from kanoa_mlops.gateway.policy.rules import Rules
from kanoa_mlops.gateway.policy.schedule import Place, Schedule

_SOONEST_AGAIN = 0.1  # seconds; estimates are no finer


def decide(ask: Ask, pool: Pool, rules: Rules, queue: Queue, now: float) -> Decision:
    """For a request that has just come, or one of the queue whose `again_at` is here."""
    if not queue.waiting and len(pool.backends) == 1 and _is_free(pool.backends[0], ask):
        return Send(pool.backends[0].id, "nearest")  # as most are; what follows comes to the same
    return weigh(ask, pool, rules, queue, now)


def _is_free(backend: BackendView, ask: Ask) -> bool:
    """It is near, takes the request, and can begin it now."""
    has_slot = backend.state.kind == "ready" and backend.in_flight < backend.slots
    return has_slot and backend.near and ask.burst != "require" and backend.able(ask)


def weigh(ask: Ask, pool: Pool, rules: Rules, queue: Queue, now: float) -> Decision:
    """The same for whatever there is to decide."""
    schedule = Schedule(pool.backends, now)
    ahead = queue.ahead_of(ask)
    for other in ahead:
        schedule.seat(other, _first_choice(other, pool))
    return _Case(ask, pool, rules, queue, now, schedule, len(ahead) + 1).settle()


def dispatch(
    pool: Pool, rules_for: Callable[[Ask], Rules], queue: Queue, now: float
) -> tuple[tuple[Ask, Send | Refuse], ...]:
    """All of the queue that need not wait any longer, in turn. To be asked whenever something has changed."""
    schedule = Schedule(pool.backends, now)
    settled: list[tuple[Ask, Send | Refuse]] = []
    spent = Decimal(0)
    for position, ask in enumerate(queue.in_turn(), 1):
        rules = rules_for(ask)
        rules = replace(rules, budget_left=rules.budget_left - spent)
        case = _Case(ask, pool, rules, queue, now, schedule, position)
        decision = case.settle()
        if isinstance(decision, Wait):
            schedule.seat(ask, case.within.near or case.within.far)
            continue
        if isinstance(decision, Send):
            schedule.take(decision.backend)
            spent += decision.most_usd
        settled.append((ask, decision))
    return tuple(settled)


def _first_choice(ask: Ask, pool: Pool) -> tuple[BackendView, ...]:
    """Where another request that waits is expected to go."""
    return near(ask, pool) or tuple(each for each in in_question(ask, pool) if each.able(ask))


@dataclass(frozen=True)
class _Case:
    ask: Ask
    pool: Pool
    rules: Rules
    queue: Queue
    now: float
    schedule: Schedule
    """Holds those whose turn comes first."""
    position: int

    @cached_property
    def within(self) -> Reach:
        return reach(self.ask, self.pool, self.rules)

    def settle(self) -> Decision:
        if chosen := self.schedule.free(self.ask, near(self.ask, self.pool)):
            backend, affine = chosen
            return Send(backend.id, "affinity" if affine else "nearest")
        within = self.within
        if not within.near and not within.far:
            return self._impossible()
        here = place = self.schedule.soonest(self.ask, within.near)
        if within.far and self._is_long(here):
            if chosen := self.schedule.free(self.ask, within.far):
                return replace(self._burst(chosen[0], here), wake=here.wake if here else "")
            place = _sooner(here, self.schedule.soonest(self.ask, within.far))
        if place is None:
            return refusals.nobody_ready(self.pool, within, self.rules, self.now)
        return self._wait(place, here)

    def _impossible(self) -> Refuse:
        if barrier := self.within.barrier:
            return refusals.closed(self.ask, self.pool, barrier, self.rules, self.now)
        return refusals.unable(self.ask, self.pool, in_question(self.ask, self.pool))

    def _is_long(self, place: Place | None) -> bool:
        return place is None or self._patience(place) <= 0

    def _patience(self, place: Place) -> float:
        """Seconds until the wait for this place is too long."""
        return self.rules.burst_after - (self.now - self.ask.arrived) - place.seconds

    def _burst(self, backend: BackendView, here: Place | None) -> Send:
        why: Why = "burst_wait" if here else "burst_down" if self.within.near else "burst_unable"
        if self.ask.burst == "require":
            why = "required"
        cost = backend.worst_cost(self.ask)
        assert cost is not None, "what has no price is out of reach"
        return Send(backend.id, why, cost)

    def _wait(self, place: Place, here: Place | None) -> Wait | Refuse:
        if self.now >= self.ask.deadline:
            return refusals.too_late(self.pool, place, self.now - self.ask.arrived)
        if not self.queue.holds(self.ask) and not self.queue.has_room(self.ask, self.rules.queue_length):
            own = sum(each.key == self.ask.key for each in self.queue.waiting)
            return refusals.queue_full(self.pool, len(self.queue.waiting), own, place.seconds)
        return Wait(self.position, place.seconds, self._again_at(place), self._woken(place, here))

    def _woken(self, place: Place, here: Place | None) -> Send | None:
        if not place.wake:
            return None
        return Send(place.wake, "nearest") if place.backend.near else self._burst(place.backend, here)

    def _again_at(self, place: Place) -> float:
        """The first time at which the answer can be another although nobody did anything."""
        within = self.within
        times = [each.state.until for each in (*within.near, *within.far)]
        if within.far and place.backend.near:
            times.append(self.now + self._patience(place))
        if within.barrier and within.barrier.kind == "budget":
            times.append(self.rules.budget_renewed_at)
        first = min((time for time in times if time is not None and time > self.now), default=math.inf)
        return min(self.ask.deadline, max(first, self.now + _SOONEST_AGAIN))


def _sooner(one: Place | None, other: Place | None) -> Place | None:
    places = [each for each in (one, other) if each]
    return min(places, key=lambda place: place.seconds, default=None)
