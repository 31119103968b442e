"""Gives every request its place: at once, after a wait, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from kanoa_mlops.errors import KanoaError
from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.guest import Guest
from kanoa_mlops.gateway.holding import Loader
from kanoa_mlops.gateway.line import Line, Terms
from kanoa_mlops.gateway.policy.ask import Ask
from kanoa_mlops.gateway.policy.decision import Refuse, Wait
from kanoa_mlops.gateway.purse import Purse
from kanoa_mlops.gateway.refused import refused
from kanoa_mlops.gateway.seat import Seat
from kanoa_mlops.gateway.snapshot import Snapshot

Tell = Callable[[Callable[[], str]], None]
"""Is given what says in words what is waited for, whenever somebody wants to know."""


class Dispatcher:
    def __init__(
        self, backends: Backends, terms: Terms, purse: Purse | None = None, loader: Loader | None = None
    ) -> None:
        """
        Args:
            purse: what may be spent; without one nothing leaves the owner's machines.
        """
        self.terms = terms
        self._backends = backends
        self._purse = purse
        self._loader = loader
        self._lines: dict[str, Line] = {}
        self._waking: dict[str, asyncio.Task[None]] = {}
        backends.watcher = self._changed

    def agree(self, terms: Terms) -> None:
        """From now on these."""
        self.terms = terms
        for line in self._lines.values():
            line.terms = terms

    async def seat(self, ask: Ask, guest: Guest, tell: Tell) -> Seat:
        """
        Raises:
            ApiError: it is refused; says why, and when asking again may help.
        """
        line = self._line(ask.model)
        settled = line.now(ask, guest)
        if isinstance(settled, Wait):
            tell(lambda: f"queued, position {line.position(ask)}")
            settled = await line.wait(ask, guest, settled)
        if isinstance(settled, Refuse):
            raise refused(settled)
        return settled

    def has_several(self, model: str) -> bool:
        """Backends that serve it, whatever their state."""
        return len(self._line(model).posts) > 1

    def elsewhere(self, ask: Ask, guest: Guest, avoid: frozenset[str]) -> Seat | None:
        """A place at another backend, where one is free now."""
        settled = self._line(ask.model).now(ask, guest, avoid)
        return settled if isinstance(settled, Seat) else None

    def snapshot(self) -> Snapshot:
        """Every backend with what requests met there, in the owner's order."""
        standings = [self._line(each.model).standing(each.id) for each in self._backends.all()]
        queued = {each.model: self._line(each.model).waiting for each in self._backends.models()}
        return Snapshot(standings, queued)

    def close(self) -> None:
        for task in self._waking.values():
            task.cancel()

    def _line(self, model: str) -> Line:
        if model not in self._lines:
            line = self._lines[model] = Line(model, self.terms, self._purse, self._wake)
            line.become(self._backends.pool(model))
        return self._lines[model]

    def _changed(self, model: str) -> None:
        if model in self._lines:
            self._lines[model].become(self._backends.pool(model))

    def _wake(self, id: str) -> None:
        """In the background, for those who come after."""
        backend = self._backends.get(id)
        if self._loader and backend and id not in self._waking:
            task = asyncio.create_task(self._woken(self._loader, backend))
            self._waking[id] = task
            task.add_done_callback(lambda _: self._waking.pop(id, None))

    async def _woken(self, loader: Loader, backend: Backend) -> None:
        began = asyncio.get_running_loop().time()
        with suppress(KanoaError):  # its reason is in the backend's state
            async with loader.using(backend.id, lambda words: None):
                post = self._line(backend.model).posts[backend.id]
                post.wake_seconds = asyncio.get_running_loop().time() - began
