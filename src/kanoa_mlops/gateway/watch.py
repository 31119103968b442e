"""Asks engines that somebody else runs whether they can take requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from kanoa_mlops.gateway.backends import Backends, State
from kanoa_mlops.gateway.config import BackendConfig
from kanoa_mlops.gateway.http.client import Broken, Client, Unreachable

log = logging.getLogger(__name__)

_EVERY_SECONDS = 2.0
_TIMEOUT_SECONDS = 5.0


async def watch(
    backends: Backends, configs: Sequence[BackendConfig], every_seconds: float = _EVERY_SECONDS
) -> None:
    """Keep the states of these backends true, until cancelled."""
    client = Client("kanoa-mlops")
    async with asyncio.TaskGroup() as group:
        for config in configs:
            group.create_task(_watch(backends, config, client, every_seconds))


async def _watch(backends: Backends, config: BackendConfig, client: Client, every_seconds: float) -> None:
    while True:
        state, reason = await _ask(backends, config, client)
        backend = backends.find(config.model)
        assert backend is not None, "every backend of the file is there from the start"
        if (backend.state, backend.reason) != (state, reason):
            log.info("%s is %s%s", config.model, state, f": {reason}" if reason else "")
            backends.mark(config.model, state, reason)
        await asyncio.sleep(every_seconds)


async def _ask(backends: Backends, config: BackendConfig, client: Client) -> tuple[State, str]:
    backend = backends.find(config.model)
    assert backend is not None
    try:
        async with (
            asyncio.timeout(_TIMEOUT_SECONDS),
            client.ask("GET", backend.url + config.health, headers=backend.headers) as answer,
        ):
            status = answer.status
    except TimeoutError:
        return "down", f"no answer within {_TIMEOUT_SECONDS:g} s"
    except Unreachable as error:
        return "down", f"not reached: {error}"
    except Broken:
        return "down", "it ends the connection without an answer"
    if status == 503:
        return "loading", "the engine loads the model"
    return ("ready", "") if status == 200 else ("down", f"its health check answers HTTP {status}")
