"""The engines that a file lists, watched for as long as it does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kanoa_mlops.gateway.backends import Backend, Backends
from kanoa_mlops.gateway.config import BackendConfig, GatewayConfig, backend_of
from kanoa_mlops.gateway.watch import Watch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listed:
    config: BackendConfig
    backend: Backend


def listed(config: GatewayConfig) -> tuple[Listed, ...]:
    """
    Raises:
        SettingsError: a key cannot be read.
    """
    return tuple(Listed(each, backend_of(each)) for each in config.backends)


class Roster:
    """Wants a running loop. What was begun is ended by `close`."""

    def __init__(self, backends: Backends, watch: Watch) -> None:
        self._backends = backends
        self._watch = watch
        self._now: dict[str, Listed] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def take(self, wanted: Sequence[Listed]) -> None:
        """From now on these. What is as it was is left alone, and answers under way are finished."""
        after = {each.backend.id: each for each in wanted}
        for id in [id for id in self._now if id not in after]:
            del self._now[id]
            self._tasks.pop(id).cancel()
            self._backends.remove(id)
        for id, each in after.items():
            if self._now.get(id) != each:
                self._put(each)

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _put(self, each: Listed) -> None:
        id, backend = each.backend.id, each.backend
        before = self._backends.get(id)
        if before and before.url == backend.url:
            # The same engine, told of in other words; it need not be unknown for a while.
            backend = replace(backend, state=before.state, reason=before.reason)
        self._backends.put(backend)
        self._now[id] = each
        if id in self._tasks:
            self._tasks[id].cancel()
        self._tasks[id] = task = asyncio.create_task(self._watch.keep(id, each.config.health))
        task.add_done_callback(_told)


def _told(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("an engine is no longer watched", exc_info=error)
