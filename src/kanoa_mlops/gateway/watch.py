"""Keeps the states of engines true: what they say of their health, and whether they do anything.

An engine that says it is well and produces nothing is down, until something moves or it makes a token. One
that is supervised is so, too, when for a while it neither says that it is well nor does anything: its
supervisor sees it end, and not that it froze.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from kanoa_mlops.gateway.backends import Backend, Backends, State
from kanoa_mlops.gateway.counters.counters import EngineCounters
from kanoa_mlops.gateway.counters.dialect import dialect_of, engine_name
from kanoa_mlops.gateway.counters.readings import Reading, Readings
from kanoa_mlops.gateway.http.client import Client, WayOut
from kanoa_mlops.gateway.inquiry import ask_counters, ask_health, ask_tools, ask_word
from kanoa_mlops.gateway.policy.liveness import BOUNDS, Bounds, Liveness, Sight, follow, judge, shows_life
from kanoa_mlops.gateway.traffic import Traffic

log = logging.getLogger(__name__)

_EVERY_SECONDS = 2.0  # llama.cpp sees that a client left in a second in which it is not asked
_WORD_EVERY_SECONDS = 30.0


async def watch_supervised(
    backends: Backends, traffic: Traffic, readings: Readings, every_seconds: float = _EVERY_SECONDS
) -> None:
    """Of engines whose supervisor marks them ready and down: only whether they work, until cancelled."""
    one = Watch(backends, traffic, readings)
    async with asyncio.TaskGroup() as group:
        for backend in (each for each in backends.all() if each.near):
            group.create_task(one.keep(backend.id, None, every_seconds))


@dataclass
class _Followed:
    """One engine while its health is good."""

    then: Sight
    """At its last sign of life."""
    liveness: Liveness = "alive"
    reason: str = ""
    """Why it is stuck."""
    asked_at: float = 0.0
    """When it was last asked for a word."""


@dataclass
class _Unwell:
    """One engine that its supervisor calls ready, and that does not say so."""

    then: Sight
    """At its last sign of life, or as this was first seen."""
    reason: str = ""
    """Why it is down, once it is."""


class Watch:
    """Of engines that somebody else runs, and of those that are supervised here.

    Args:
        traffic: where whoever asks engines counts; without it nothing is known to wait, and none is stuck.
        readings: where the counters are kept for the metrics.
        out: how to reach rented machines.
    """

    def __init__(
        self,
        backends: Backends,
        traffic: Traffic | None = None,
        readings: Readings | None = None,
        *,
        bounds: Bounds = BOUNDS,
        word_every_seconds: float = _WORD_EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        out: WayOut | None = None,
    ) -> None:
        self._backends = backends
        self._traffic = traffic or Traffic()
        self._readings = readings or Readings()
        self._bounds = bounds
        self._word_every_seconds = word_every_seconds
        self._clock = clock
        self._client = Client("kanoa-mlops", out)
        self._followed: dict[str, _Followed] = {}
        self._unwell: dict[str, _Unwell] = {}

    async def keep(self, name: str, health: str | None, every_seconds: float = _EVERY_SECONDS) -> None:
        """Look again and again, until cancelled; see `look`."""
        while True:
            await self.look(name, health)
            await asyncio.sleep(every_seconds)

    async def look(self, name: str, health: str | None) -> None:
        """Ask one engine, and mark its backend where that changed.

        Args:
            name: by which `Backends` finds and marks it, and traffic is counted.
            health: path that answers 200 when the engine can take requests. None where somebody else marks
                the backend ready and down; then only what he called ready is marked down here, and back.
        """
        backend = self._backends.get(name)
        if backend is None:
            return self._forget(name)
        state, reason = await self._health(name, backend, health)
        tools = backend.template_tools
        if state == "ready":
            tools = await ask_tools(self._client, backend) if tools is None else tools
            state, reason = await self._works(name, backend)
        else:
            tools = None  # it may come back with another model
            self._unfollow(name)
        now = self._backends.get(name)
        if now is None:
            return self._forget(name)
        if health is None and (now.state, now.reason) != (backend.state, backend.reason):
            return  # whoever supervises it knew better meanwhile
        if now.template_tools != tools:
            self._backends.put(replace(now, template_tools=tools))
        if (now.state, now.reason) != (state, reason):
            _tell(backend, state, reason)
            self._backends.mark(name, state, reason)

    async def _health(self, name: str, backend: Backend, path: str | None) -> tuple[State, str]:
        if path is not None:
            return await ask_health(self._client, backend, path)
        if backend.state == "ready" or (backend.state == "down" and backend.reason in self._found(name)):
            return await self._supervised(name, backend)
        self._unwell.pop(name, None)
        return backend.state, backend.reason

    def _found(self, name: str) -> list[str]:
        """Why it is down, where that was found here."""
        followed, unwell = self._followed.get(name), self._unwell.get(name)
        return [each.reason for each in (followed, unwell) if each and each.reason]

    async def _supervised(self, name: str, backend: Backend) -> tuple[State, str]:
        """Of one that is ready but for what is found here. It is given some time, as often there is no other,
        and more for as long as it does anything: with few processors, a long prompt leaves none for this."""
        dialect, reason = dialect_of(backend.engine), ""
        if dialect:
            _, reason = await ask_health(self._client, backend, dialect.health)
        if not reason:
            self._unwell.pop(name, None)
            return "ready", ""
        now = self._sight(name, await self._counters(name, backend))
        unwell = self._unwell.get(name)
        if unwell is None or shows_life(unwell.then, now):
            unwell = self._unwell[name] = _Unwell(now)
        if now.at - unwell.then.at < self._bounds.suspicious:
            return "ready", ""
        unwell.reason = reason
        return "down", reason

    async def _works(self, name: str, backend: Backend) -> tuple[State, str]:
        """The state of one whose health is good."""
        now = self._sight(name, await self._counters(name, backend))
        followed = self._followed.setdefault(name, _Followed(now))
        if followed.liveness == "stuck":
            if not await self._revived(backend, followed, now):
                return "down", followed.reason
            self._followed[name] = _Followed(now)
            return "ready", ""
        verdict = judge(followed.then, now, self._bounds)
        followed.then = follow(followed.then, now)
        if verdict.liveness == "suspicious" != followed.liveness:
            log.warning("%s may be stuck: %s", name, verdict.reason)
        followed.liveness = verdict.liveness
        if verdict.liveness != "stuck":
            return "ready", ""
        followed.reason, followed.asked_at = verdict.reason, now.at
        return "down", verdict.reason

    async def _revived(self, backend: Backend, followed: _Followed, now: Sight) -> bool:
        if shows_life(followed.then, now):
            return True
        if now.in_flight or now.at - followed.asked_at < self._word_every_seconds:
            return False  # those that wait find it out as well
        followed.asked_at = now.at
        return await ask_word(self._client, backend)

    async def _counters(self, name: str, backend: Backend) -> EngineCounters | None:
        told = await ask_counters(self._client, backend)
        if not isinstance(told, EngineCounters):
            log.debug("%s tells no counters: %s", name, told.reason)
            self._readings.drop(name)
            return None
        self._readings.put(Reading(backend.model, name, engine_name(backend.engine), told))
        return told

    def _sight(self, name: str, counters: EngineCounters | None) -> Sight:
        flow = self._traffic.of(name)
        return Sight(self._clock(), counters, flow.waiting, flow.received_bytes)

    def _forget(self, name: str) -> None:
        """It is there no longer. Should it come back, it has its time anew."""
        self._unwell.pop(name, None)
        self._unfollow(name)

    def _unfollow(self, name: str) -> None:
        self._followed.pop(name, None)
        self._readings.drop(name)


def _tell(backend: Backend, state: State, reason: str) -> None:
    """With the address where it is looked for, which only the owner's log may know."""
    if state == "down":
        place = urlsplit(backend.url).netloc.rpartition("@")[2]
        log.warning("%s at %s is down: %s", backend.id, place, reason)
    else:
        log.info("%s is %s%s", backend.id, state, f": {reason}" if reason else "")
